"""A tenant at Acronis as its stack declares it: program, digest, drift, and provider."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coffre.acronis.access import Access, read_access
from coffre.acronis.identifiers import TenantUuid
from coffre.spec.storage_platform import AcronisPlatform
from coffre.storage.acronis.connect import open_session, vendor_asked
from coffre.storage.acronis.layout import CustomerLayout
from coffre.storage.platform import RecordedResource, SecretOf
from coffre.storage.survey import ResourceDrift

if TYPE_CHECKING:
    from coffre.storage.acronis.provider.shell import AcronisProvider
    from coffre.storage.provider.package import Kind


@dataclass(frozen=True)
class AcronisDeclaration:
    """One tenant's customer and its platform; a declaration alone needs no credential."""

    owner_uid: str
    customer: CustomerLayout
    platform: AcronisPlatform
    root: Path

    @property
    def access(self) -> Access:
        return read_access(self.platform, self.root)

    @property
    def digest(self) -> str:
        """A digest of the customer and of the code that declares it; there are no secrets in it."""
        digest = hashlib.sha256(json.dumps(asdict(self.customer), sort_keys=True).encode())
        digest.update(_digest_sources())
        return digest.hexdigest()

    def program(self) -> None:
        from stacks.acronis import AcronisCustomer

        AcronisCustomer(self.customer)

    program_without_keys = program

    def beside(self, resources: Sequence[RecordedResource]) -> "AcronisDeclaration":  # noqa: ARG002 - the provider adopts
        return self

    def plugin_terms(self, environment: Mapping[str, str]) -> None:  # noqa: ARG002
        return None

    def find_drift(self, resources: Sequence[RecordedResource], secret_of: SecretOf) -> list[ResourceDrift]:  # noqa: ARG002
        from coffre.storage.acronis.drift import find_drift
        from coffre.storage.acronis.provider.account import Account
        from coffre.storage.acronis.remembering import RememberingClient

        session, partner = open_session(self.access), TenantUuid(self.customer.partner)
        try:
            with vendor_asked():
                return find_drift(Account(RememberingClient(session), partner), self.owner_uid, resources)
        finally:
            session.close()

    def is_recorded(self, resources: Sequence[RecordedResource], secret_of: SecretOf) -> bool:  # noqa: ARG002
        from coffre.storage.acronis.provider.dispatch import RESOURCES
        from coffre.storage.acronis.provider.scope import scope_of

        declared = scope_of(self.customer).declared or {}
        wanted = {
            (token, kind.identify(inputs)): inputs
            for token, kind in RESOURCES.items()
            for inputs in declared.get(kind, ())
        }
        recorded = {
            (each.token, each.resource_id): _complete(RESOURCES.get(each.token), each.inputs) for each in resources
        }
        return wanted == recorded

    def prepare(self) -> None:
        """There is nothing slow to prepare."""

    @contextmanager
    def served(self, address: Path, *, takes_unequal: bool) -> "Iterator[AcronisProvider]":
        from coffre.acronis.client import AcronisClient
        from coffre.storage.acronis.provider.account import Account
        from coffre.storage.acronis.provider.scope import scope_of
        from coffre.storage.acronis.provider.shell import AcronisProvider
        from coffre.storage.serving import served

        session = open_session(self.access)
        account: Account = Account(AcronisClient(session), TenantUuid(self.customer.partner))
        provider = AcronisProvider({}, (account, scope_of(self.customer)), takes_unequal=takes_unequal)
        try:
            with served(provider, address):
                yield provider
        finally:
            session.close()


@cache
def _digest_sources() -> bytes:
    """Return the digest of the source files of the component, its layout and its resources; read once."""
    import stacks

    digest = hashlib.sha256()
    for package in (stacks.__file__, __file__):
        for path in sorted(Path(str(package)).parent.glob("*.py")):
            digest.update(path.read_bytes())
    return digest.digest()


def _complete(kind: "Kind | None", inputs: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return a resource's inputs with their defaults; None for a kind that this version does not know."""
    return None if kind is None else kind.check(inputs)[0]
