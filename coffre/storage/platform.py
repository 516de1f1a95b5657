"""The interface of a kind of storage platform: its capabilities, and its services for the other packages."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from coffre.spec.storage_platform import Platform
from coffre.spec.tenant import Tenant
from coffre.storage.checking import PlatformFinding
from coffre.storage.costs import CostEstimate, NoPrices
from coffre.storage.driver import Storage
from coffre.storage.probing import Probe
from coffre.storage.surroundings import Surroundings
from coffre.storage.survey import HomeSurvey, ResourceDrift
from coffre.storage.values import AccessKey, OwnerFacts

PLACEHOLDER = AccessKey("MINTEDATTHENEXTAPPLY", "minted at the next apply")
"""A placeholder for a key that does not exist yet, in a preview, which creates nothing with it."""

OnProgress = Callable[[str], None]
SecretOf = Callable[[str], str | None]
"""Returns the secret of an access key by its id; None for an unknown key."""


class QuotaScope(StrEnum):
    """The level at which the platform itself enforces a limit."""

    OWNER = "owner"
    ACCOUNT = "account"
    BUCKET = "bucket"
    NONE = "none"


class KeyOrigin(StrEnum):
    """The origin of the secret of an access key."""

    CHOSEN = "chosen"
    """Coffre generates it: a lost platform is rebuilt with the same keys."""
    GIVEN = "given"
    """The platform generates it."""
    NONE = "none"
    """There are no access keys."""


@dataclass(frozen=True)
class Capabilities:
    """The capabilities of a kind of platform.

    ``bucket_limit`` is the maximum number of buckets of one owner, None without a limit. ``has_object_lock``: versions
    can be locked against deletion (S3 Object Lock). ``has_policies``: a bucket has a policy of statements.
    ``has_marks``: one request tells which buckets of an owner were written to (`BucketFacts.mark`); without marks each
    of them must be listed for that.

    ``has_buckets``: machines have buckets of their own. ``counts_use``: the platform's own figure of an owner's use is
    what its quota counts, since there is no bucket to list. ``wall_is_quota``: the hard quota is the sold one, to the
    byte, and part of the declaration. ``suspends_owner``: a suspended tenant is a declared owner that is switched off,
    not a statement in the policy of each bucket. ``figure_age_hours``: how old the platform's own figures may be.
    """

    hard_quota: QuotaScope
    keys: KeyOrigin
    bucket_limit: int | None
    has_object_lock: bool
    has_policies: bool
    has_marks: bool = True
    has_buckets: bool = True
    counts_use: bool = False
    wall_is_quota: bool = False
    suspends_owner: bool = False
    figure_age_hours: int = 0

    @property
    def chooses_keys(self) -> bool:
        """Whether Coffre generates the access keys beforehand."""
        return self.keys is KeyOrigin.CHOSEN

    @property
    def gives_keys(self) -> bool:
        """Whether the platform generates the access keys, so that none can be chosen."""
        return self.keys is KeyOrigin.GIVEN

    @property
    def has_keys(self) -> bool:
        """Whether there are users with access keys at all."""
        return self.keys is not KeyOrigin.NONE

    @property
    def has_wall(self) -> bool:
        """Whether the platform itself enforces a limit."""
        return self.hard_quota is not QuotaScope.NONE


class MediaKeeper(StrEnum):
    """Who keeps the media of a platform."""

    OPERATOR = "operator"
    """The operator named in platform.yaml."""
    AMAZON = "amazon"
    """Amazon Web Services, by its own published procedures."""
    VENDOR = "vendor"
    """The vendor of the agents, in its own data center."""


@dataclass(frozen=True)
class HostingCompany:
    """A cloud's contracting company, and its country (ISO 3166)."""

    name: str
    country: str


@dataclass(frozen=True)
class PlatformStatement:
    """What documents for customers state of a platform, besides its hosting in platform.yaml.

    ``account`` and ``region`` are those of a cloud, or the partner's account and the data center of a vendor; ``host``
    is its company, which is a sub-processor. ``portal`` is the address at which customers see and restore their backups
    by themselves, and ``vendor_texts`` names what documents say of that and of its end
    (`courriers/portail-NAME.html.j2`, `certificat/editeur-NAME.html.j2`); both are set where a vendor alone reads the
    backups.
    """

    media: MediaKeeper = MediaKeeper.OPERATOR
    account: str | None = None
    region: str | None = None
    host: HostingCompany | None = None
    portal: str | None = None
    vendor_texts: str | None = None


@dataclass(frozen=True)
class OwnRights:
    """The least rights with which Coffre itself works on a platform.

    ``policy`` is an IAM policy, None where the platform has none for its administrators; ``capabilities`` are the
    platform's own words for what its administrator's user needs.
    """

    policy: Mapping[str, Any] | None = None
    capabilities: tuple[str, ...] = ()


@dataclass(frozen=True)
class TenantKeys:
    """The S3 keys of a tenant's users: the owner's, and that of each machine that has a bucket.

    That of a retired machine, and of any machine in a second copy, is None: nobody but the owner gets to its bucket.
    """

    owner: AccessKey
    machines: Mapping[str, AccessKey | None]


def placeholder_keys(tenant: Tenant, machines: Collection[str]) -> TenantKeys:
    """Return keys for a tenant that has none yet, or whose keys the reader may not see.

    ``machines`` are those that have a bucket, retired ones too.
    """
    active = tenant.active_machines()
    return TenantKeys(PLACEHOLDER, {name: PLACEHOLDER if name in active else None for name in machines})


@dataclass(frozen=True)
class RecordedResource:
    """One resource in a stack's state: Pulumi's type token, its id, inputs and outputs, with encrypted secrets."""

    urn: str
    token: str
    resource_id: str
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.urn.rsplit("::", 1)[-1]


@dataclass(frozen=True)
class PluginTerms:
    """What a provider's plugin needs, a process that Pulumi starts: its variables, and the hosts that it may reach.

    A host is HOST:PORT, HOST, or a domain with a dot in front. The variables hold a credential.
    """

    environment: Mapping[str, str] = field(repr=False)
    hosts: Collection[str]


class PulumiProvider(Protocol):
    """A Pulumi provider that runs in this process."""

    @property
    def package(self) -> str:
        """The package of its resources, the prefix of their type tokens."""

    @property
    def adopted(self) -> set[str]:
        """The URNs of existing resources that were adopted instead of created."""


class Declaration(Protocol):
    """A tenant's storage on a platform, as its stack declares it."""

    @property
    def digest(self) -> str:
        """A digest of its whole content, with secrets; it cannot confirm a guess at a secret."""

    def program(self) -> None:
        """Declare the resources, as Pulumi's program."""

    def program_without_keys(self) -> None:
        """Declare the resources for a reader without secrets: keys are taken from the state."""

    def beside(self, resources: Sequence[RecordedResource]) -> "Declaration":
        """Return the declaration for a run beside these resources of the stack's state; may read the platform.

        RefusedError when something of the same name exists that is not this tenant's.
        """

    def plugin_terms(self, environment: Mapping[str, str]) -> PluginTerms | None:
        """Return what the provider's plugin needs; ``environment`` is this computer's.

        None where the provider runs in this process (`served`).
        """

    def find_drift(self, resources: Sequence[RecordedResource], secret_of: SecretOf) -> Sequence[ResourceDrift]:
        """Return how the platform differs from these resources of the stack's state."""

    def is_recorded(self, resources: Sequence[RecordedResource], secret_of: SecretOf) -> bool | None:
        """Tell whether these resources of the state are exactly the declared ones; None when only Pulumi knows."""

    def prepare(self) -> None:
        """Start slow preparations that Pulumi needs later; returns at once."""

    def served(self, address: Path, *, takes_unequal: bool) -> AbstractContextManager[PulumiProvider | None]:
        """Serve the provider of the resources on a Unix socket during the block.

        None where Pulumi starts the provider by itself. With ``takes_unequal`` it also adopts and changes existing
        resources that are not in the state and differ.
        """


class Survey(Protocol):
    """Reads one platform for many tenants, with few requests. Safe to use from many threads; changes nothing.

    What is the same for all tenants is read once, so a survey serves one command.
    """

    def look(self, declaration: Declaration, resources: Sequence[RecordedResource], secret_of: SecretOf) -> HomeSurvey:
        """Read what the platform has of a tenant; its ``drift`` is that of `Declaration.find_drift`."""

    def list_owners(self) -> Mapping[str, OwnerFacts] | None:
        """Return the facts of all owners of Coffre's by their names, where the platform counts use (`counts_use`).

        Elsewhere None: the buckets tell it. A name is found by the tenant's id in it (`naming.tenant_id_of`).
        """

    def look_around(self, owner_uid: str) -> Surroundings | None:
        """Return what the platform tells of an owner's agents; None where agents are not the platform's own."""


class PlatformDriver(Protocol):
    """One kind of storage platform."""

    @property
    def capabilities(self) -> Capabilities: ...

    def load(self) -> None:
        """Import what applies need, before a process forks for many of them: without a thread or a connection."""

    def describe(self, platform: Platform) -> PlatformStatement:
        """Return what documents for customers state of this platform; sends no request."""

    def holds_store(self, platform: Platform, root: Path, address: str, key: AccessKey) -> bool:
        """Tell by its address and its key whether an S3 store is on this platform; may ask whose the key is."""

    def connect(self, platform: Platform, root: Path) -> Storage:
        """Return a platform's storage, without a request to it. ExpectedError for unreadable settings."""

    def open_survey(self, platform: Platform, root: Path) -> Survey:
        """Return the reader of a platform for many tenants, without a request to it."""

    def open_probe(self, platform: Platform, root: Path) -> Probe | None:
        """Return the probe of a platform, without a request to it; None where platforms of the kind are not probed."""

    def declare(self, tenant: Tenant, platform: Platform, root: Path, keys: TenantKeys) -> Declaration:
        """Return the declaration of a tenant's storage with these keys, without a request to the platform."""

    def own_rights(self, platform: Platform) -> OwnRights:
        """Return what Coffre itself needs on a platform. Pure."""

    def estimate(self, tenant: Tenant, platform: Platform, verify_days: int) -> CostEstimate | NoPrices | None:
        """Return what a tenant costs with a full quota; None where nobody bills by use. Pure.

        ``verify_days`` are those within which `coffre verify` reads every pack once.
        """

    def check(
        self, platform: Platform, root: Path, tenants: Sequence[Tenant], now: datetime, on_progress: OnProgress
    ) -> Sequence[PlatformFinding]:
        """Check a platform and try what Coffre needs; every problem is a finding, never an error."""
