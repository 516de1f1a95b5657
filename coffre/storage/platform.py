"""A kind of storage platform, whatever it is: what it can do, and what it gives to the rooms above."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from coffre.spec.platform import Platform
from coffre.spec.tenant import Machine, Tenant
from coffre.storage.checking import PlatformFinding
from coffre.storage.driver import AccessKey, Storage

PLACEHOLDER = AccessKey("MINTEDATTHENEXTAPPLY", "minted at the next apply")
"""Stands for a key that does not exist yet in a preview, which creates nothing with it."""

OnProgress = Callable[[str], None]
SecretOf = Callable[[str], str | None]
"""Gives the secret of an access key by its id; None for a key that is not known."""


class QuotaScope(StrEnum):
    """Whose bytes the platform itself refuses beyond a limit."""

    OWNER = "owner"
    ACCOUNT = "account"
    BUCKET = "bucket"
    NONE = "none"


class KeyOrigin(StrEnum):
    """Who makes the secret of an access key."""

    CHOSEN = "chosen"
    """Coffre does: a platform that was lost comes back with the same keys."""
    GIVEN = "given"
    """The platform does."""


@dataclass(frozen=True)
class Capabilities:
    """What a kind of platform can do.

    ``bucket_limit`` is how many buckets one owner may have, None without a limit. ``has_object_lock``: versions can be
    locked against deletion (S3 Object Lock). ``has_policies``: a bucket has a policy of statements, with denials.
    """

    hard_quota: QuotaScope
    keys: KeyOrigin
    bucket_limit: int | None
    has_object_lock: bool
    has_policies: bool


@dataclass(frozen=True)
class TenantKeys:
    """The S3 keys of a tenant's users: the owner's, and that of each machine that has a bucket.

    A retired machine's is None: its bucket stays, and nobody but the owner gets to it.
    """

    owner: AccessKey
    machines: Mapping[str, AccessKey | None]


def placeholder_keys(machines: Mapping[str, Machine]) -> TenantKeys:
    """Return keys for a tenant that has none yet, or whose keys the reader may not see.

    ``machines`` are those that have a bucket, retired ones too.
    """
    keys = {name: None if machine.is_retired else PLACEHOLDER for name, machine in machines.items()}
    return TenantKeys(PLACEHOLDER, keys)


@dataclass(frozen=True)
class RecordedResource:
    """One resource as a stack's state has it: Pulumi's type token, its id and its inputs, secrets encrypted."""

    urn: str
    token: str
    resource_id: str
    inputs: Mapping[str, Any]

    @property
    def name(self) -> str:
        return self.urn.rsplit("::", 1)[-1]


class Provider(Protocol):
    """A Pulumi provider that runs in this process."""

    @property
    def package(self) -> str:
        """The package of its resources, with which their type tokens begin."""

    @property
    def adopted(self) -> set[str]:
        """The URNs of the resources that were there when they were to be created, and were taken as they are."""


class Declaration(Protocol):
    """A tenant's storage on a platform, as its stack declares it."""

    @property
    def digest(self) -> str:
        """A digest of all that goes into it, secrets included; nobody can test a guess at a secret on it."""

    def program(self) -> None:
        """Declare the resources, as Pulumi's program."""

    def program_without_keys(self) -> None:
        """Declare the resources for a reader without secrets: keys stand as the state has them."""

    def find_drift(self, resources: Sequence[RecordedResource], secret_of: SecretOf) -> Collection[str]:
        """Return the names of the resources that the platform has otherwise than the state says, or not at all."""

    def prepare(self) -> None:
        """Begin what takes a while and is needed once Pulumi runs; returns at once."""

    def served(self, address: Path, *, takes_unequal: bool) -> AbstractContextManager[Provider | None]:
        """Serve the provider of the resources on a Unix socket for the time of the block.

        None where Pulumi starts the provider by itself. With ``takes_unequal`` it takes and changes what exists without
        standing in the state also when it is not equal.
        """


class PlatformDriver(Protocol):
    """One kind of storage platform."""

    @property
    def capabilities(self) -> Capabilities: ...

    def connect(self, platform: Platform, root: Path) -> Storage:
        """Return a platform's storage; nothing is asked of it yet. ExpectedError for settings that cannot be read."""

    def declare(self, tenant: Tenant, platform: Platform, root: Path, keys: TenantKeys) -> Declaration:
        """Return what a tenant's storage with these keys should be; nothing is asked of the platform yet."""

    def check(
        self, platform: Platform, root: Path, tenants: Sequence[Tenant], now: datetime, on_progress: OnProgress
    ) -> Sequence[PlatformFinding]:
        """Look at a platform and try what Coffre relies on; whatever is wrong is a finding, never an error."""
