"""A tenant's storage on AWS as its stack declares it: program, digest, drift, and the plugin's environment."""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

from coffre.spec.storage_platform import AwsPlatform
from coffre.storage.aws.drift import list_drift
from coffre.storage.aws.layout import StorageLayout
from coffre.storage.aws.live import Found, find, read_live
from coffre.storage.aws.session import AwsSession
from coffre.storage.platform import PluginTerms, PulumiProvider, RecordedResource, SecretOf
from coffre.storage.survey import ResourceDrift

_AWS = ".amazonaws.com"
_ENDPOINTS = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_IAM", "AWS_ENDPOINT_URL_STS")


@dataclass(frozen=True)
class AwsDeclaration:
    """One tenant's storage and its platform. The provider is Pulumi's own plugin, a process that Pulumi starts."""

    storage: StorageLayout
    platform: AwsPlatform
    root: Path
    found: Found = field(default_factory=Found)

    @cached_property
    def session(self) -> AwsSession:
        return AwsSession(self.platform, self.root)

    @property
    def digest(self) -> str:
        """A digest of the storage and of the code that declares its resources; there are no secrets in it."""
        digest = hashlib.sha256(json.dumps(asdict(self.storage), sort_keys=True, default=str).encode())
        for path in _list_sources():
            digest.update(path.read_bytes())
        return digest.hexdigest()

    def program(self) -> None:
        from stacks.aws import AwsTenantStorage

        AwsTenantStorage(self.storage, self.found)

    program_without_keys = program

    def beside(self, resources: Sequence[RecordedResource]) -> "AwsDeclaration":
        """Return the declaration that imports what exists and is not recorded, and keeps the switches of policies."""
        live = read_live(self.session, self.storage)
        return replace(self, found=find(self.storage, live, _names(resources)))

    def find_drift(self, resources: Sequence[RecordedResource], secret_of: SecretOf) -> list[ResourceDrift]:  # noqa: ARG002
        return list_drift(self.storage, read_live(self.session, self.storage), _names(resources))

    def is_recorded(self, *_state: object) -> None:
        """Return None: the plugin adds values of its own to what the program declares."""

    def prepare(self) -> None:
        """There is nothing to prepare: Pulumi starts the plugin."""

    def plugin_terms(self, environment: Mapping[str, str]) -> PluginTerms:
        """Return the plugin's variables (Coffre's own credential, the region, where AWS is if that is set), and AWS."""
        credentials = self.session.credentials().get_frozen_credentials()
        own = {
            "AWS_ACCESS_KEY_ID": credentials.access_key,
            "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
            "AWS_SESSION_TOKEN": credentials.token,
            "AWS_REGION": self.storage.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CA_BUNDLE": None if self.session.endpoint.ca_file is None else str(self.session.endpoint.ca_file),
            **{name: environment.get(name) for name in _ENDPOINTS},
        }
        redirected = [urlsplit(url).netloc for name in _ENDPOINTS if (url := environment.get(name))]
        return PluginTerms({name: value for name, value in own.items() if value}, (_AWS, *redirected))

    @contextmanager
    def served(self, address: Path, *, takes_unequal: bool) -> Iterator[PulumiProvider | None]:  # noqa: ARG002
        yield None


def _names(resources: Sequence[RecordedResource]) -> Collection[str]:
    return {each.name for each in resources}


def _list_sources() -> list[Path]:
    """Return the source files of the component and its documents."""
    import stacks
    from coffre.storage import s3

    packages = (stacks.__file__, s3.__file__, __file__)
    return [path for package in packages for path in sorted(Path(str(package)).parent.glob("*.py"))]
