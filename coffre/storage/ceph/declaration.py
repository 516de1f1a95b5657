"""A tenant's storage on Ceph RGW as its stack declares it: program, digest, drift, and provider."""

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coffre.spec.storage_platform import CephPlatform
from coffre.storage.ceph.connect import read_admin_key, read_endpoint
from coffre.storage.ceph.layout import StorageLayout
from coffre.storage.platform import RecordedResource, SecretOf
from coffre.storage.survey import ResourceDrift
from coffre.storage.values import AccessKey, Endpoint

if TYPE_CHECKING:
    from coffre.storage.ceph.provider.resources.base import RgwResource
    from coffre.storage.ceph.provider.shell import RgwProvider


@dataclass(frozen=True)
class CephDeclaration:
    """One tenant's storage and its platform; a declaration alone needs no key of the platform."""

    storage: StorageLayout
    platform: CephPlatform
    root: Path

    @cached_property
    def endpoint(self) -> Endpoint:
        return read_endpoint(self.platform, self.root)

    @cached_property
    def admin_key(self) -> AccessKey:
        return read_admin_key(self.platform, self.root)

    @property
    def digest(self) -> str:
        """A digest of the storage and of the code that declares its resources.

        It is keyed by the owner's secret, so that it cannot confirm a guess at another secret.
        """
        key = self.storage.owner_key.secret_access_key.encode()
        digest = hmac.new(key, json.dumps(asdict(self.storage), sort_keys=True, default=str).encode(), hashlib.sha256)
        digest.update(_digest_sources())
        return digest.hexdigest()

    def program(self) -> None:
        from stacks.ceph import CephTenantStorage

        CephTenantStorage(self.storage)

    def program_without_keys(self) -> None:
        from stacks.ceph import CephTenantStorage

        CephTenantStorage(self.storage, keys_from_state=True)

    def beside(self, resources: Sequence[RecordedResource]) -> "CephDeclaration":  # noqa: ARG002 - the provider adopts
        return self

    def plugin_terms(self, environment: Mapping[str, str]) -> None:  # noqa: ARG002
        return None

    def find_drift(self, resources: Sequence[RecordedResource], secret_of: SecretOf) -> list[ResourceDrift]:
        from coffre.storage.ceph.drift import find_drift

        return find_drift(self.endpoint, self.admin_key, self.in_clear(resources, secret_of))

    def is_recorded(self, resources: Sequence[RecordedResource], secret_of: SecretOf) -> bool:
        from coffre.storage.ceph.provider.dispatch import RESOURCES
        from coffre.storage.ceph.provider.scope import scope_of

        declared = scope_of(self.storage).declared or {}
        wanted = {
            (token, kind.identify(inputs)): inputs
            for token, kind in RESOURCES.items()
            for inputs in declared.get(kind, ())
        }
        recorded = {
            (each.token, each.resource_id): _complete(RESOURCES.get(each.token), each.inputs)
            for each in self.in_clear(resources, secret_of)
        }
        return wanted == recorded

    @staticmethod
    def in_clear(resources: Sequence[RecordedResource], secret_of: SecretOf) -> list[RecordedResource]:
        """Return resources with the decrypted secrets of their access keys."""
        return [replace(each, inputs=_with_secret(each.inputs, secret_of)) for each in resources]

    def prepare(self) -> None:
        from coffre.storage.s3.client import load_in_background

        load_in_background()  # a new tenant's first bucket needs it, and Pulumi takes longer to start

    @contextmanager
    def served(self, address: Path, *, takes_unequal: bool) -> "Iterator[RgwProvider]":
        from coffre.storage.ceph.api.admin import AdminClient
        from coffre.storage.ceph.provider.platform import RgwPlatform
        from coffre.storage.ceph.provider.scope import scope_of
        from coffre.storage.ceph.provider.shell import RgwProvider
        from coffre.storage.serving import served

        serving = RgwPlatform(self.endpoint, AdminClient(self.endpoint, self.admin_key)), scope_of(self.storage)
        provider = RgwProvider({}, serving, takes_unequal=takes_unequal)
        with served(provider, address):
            yield provider


@cache
def _digest_sources() -> bytes:
    """Return the digest of the source files of the component, its documents and its resources; read once."""
    import stacks
    from coffre.storage import s3

    digest = hashlib.sha256()
    for package in (stacks.__file__, s3.__file__, __file__):
        for path in sorted(Path(str(package)).parent.glob("*.py")):
            digest.update(path.read_bytes())
    return digest.digest()


def _complete(kind: "type[RgwResource] | None", inputs: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return a resource's inputs with their defaults; None for a kind that this version does not know."""
    return None if kind is None else kind.check(inputs)[0]


def _with_secret(inputs: Mapping[str, Any], secret_of: SecretOf) -> dict[str, Any]:
    """Return a resource's inputs with the decrypted secret of its access key; the state has it encrypted."""
    if "secret_access_key" not in inputs:
        return dict(inputs)
    return {**inputs, "secret_access_key": secret_of(str(inputs["access_key_id"]))}
