"""What a look for drift finds, as plain values: what differs, who it is about, and what could not be looked at."""

from dataclasses import dataclass
from enum import StrEnum

from coffre.records.facts.departure import Stage
from coffre.storage.survey import JsonValue


class DriftKind(StrEnum):
    """What differs. `coffre drift --json` shows these values."""

    USER = "user"
    KEY = "key"
    WALL = "wall"
    USER_POLICY = "user_policy"
    BUCKET = "bucket"
    VERSIONING = "versioning"
    POLICY = "policy"
    LIFECYCLE = "lifecycle"
    PUBLIC_ACCESS = "public_access"
    OWNERSHIP = "ownership"
    ENCRYPTION = "encryption"
    LICENCES = "licences"
    SERVICE = "service"
    ACCOUNT = "account"
    """A user's account in a vendor's portal."""
    OTHER = "other"
    """A resource in the stack that this version of Coffre does not know."""

    USER_SUSPENDED = "user_suspended"
    EXTRA_USER = "extra_user"
    FOREIGN_KEY = "foreign_key"
    """An access key of one of our users that is in no bundle."""
    EXTRA_BUCKET = "extra_bucket"
    BUCKET_QUOTA = "bucket_quota"
    """A limit of a bucket alone, or of each single bucket of a user."""
    GATE = "gate"
    STOP = "stop"
    SUSPENSION = "suspension"

    NEVER_APPLIED = "never_applied"
    STACK_LOST = "stack_lost"
    """The tenant is on the platform, and Pulumi's state of it is gone."""
    NOT_APPLIED = "not_applied"
    """The file asks for changes that no apply has carried out."""
    FILE_GONE = "file_gone"
    """A stack exists, and its tenant has no file."""

    AGENT_MISSING = "agent_missing"
    """The machine has its bucket, and never got its agent."""
    ORDERS = "orders"
    """The orders in the bucket differ from the file, or are not ours."""
    ORDERS_NOT_TAKEN = "orders_not_taken"
    """The machine obeys an earlier generation than the one that is due."""
    AGENT_PROGRAM = "agent_program"
    AGENT_VERSION = "agent_version"
    """The machine states another version of the agent than the one that was installed."""
    AGENT_KEY = "agent_key"
    AGENT_SIGNER = "agent_signer"
    """The machine trusts another signer of orders than this tenant's."""
    CONNECTION = "connection"
    PROGRAMS = "programs"
    CONFIGURATION = "configuration"
    SCHEDULE = "schedule"
    """The units, or the task, that start the backups: missing, changed or masked."""
    SCHEDULE_OFF = "schedule_off"
    """The units are as they should be, and switched off."""
    SCHEDULE_ADDITION = "schedule_addition"
    """A file of somebody else that changes the units: a drop-in, or a unit that comes before ours."""
    RESTIC = "restic"
    """The restic that the orders name is not on the machine."""
    AGENT_STATE = "agent_state"
    """The agent has forgotten its own numbers, or differs in another way of which it tells."""


BY_HAND = frozenset(
    {
        DriftKind.EXTRA_USER,
        DriftKind.EXTRA_BUCKET,
        DriftKind.FILE_GONE,
        DriftKind.OTHER,
        DriftKind.SCHEDULE_ADDITION,
    }
)
"""What apply does not undo: it never deletes what it did not make."""


@dataclass(frozen=True)
class Drift:
    """One difference, about a machine (None: about the tenant); ``copied_to`` is the platform if it is a second copy's.

    ``detail`` names the part that differs, by the words of the platform or of the agent; it may be hostile. ``part`` is
    the platform of a part of the tenant beside its own platform.
    """

    what: DriftKind
    machine: str | None = None
    detail: str = ""
    expected: JsonValue = None
    found: JsonValue = None
    copied_to: str | None = None
    part: str | None = None

    @property
    def is_undone_by_apply(self) -> bool:
        return self.what not in BY_HAND


class UnseenKind(StrEnum):
    """Why something could not be looked at. `coffre drift --json` shows these values."""

    PLATFORM = "platform"
    """The platform did not answer."""
    STORAGE = "storage"
    """The platform refused to show a part of the storage."""
    MACHINE = "machine"
    """The machine did not answer."""
    AGENT = "agent"
    """The machine answered, and its agent did not."""
    NO_STATEMENT = "no_statement"
    """The machine never said which orders it applied."""
    STATEMENT_ASIDE = "statement_aside"
    """What it said cannot be trusted: ``error`` is the fault."""
    OTHER_MACHINE = "other_machine"
    """Another machine said it under this one's name."""
    TENANT = "tenant"
    """The look ended with an error that the operator can act on."""
    UNEXPECTED = "unexpected"
    TIME = "time"
    """The look took longer than its limit and was left."""


@dataclass(frozen=True)
class Unseen:
    """Something that was not looked at: whether it has drift is unknown.

    ``error`` is the answer of the platform or machine, ``hint`` what to do about it; both may be hostile.
    """

    what: UnseenKind
    machine: str | None = None
    error: str = ""
    hint: str = ""
    copied_to: str | None = None
    limit_seconds: float | None = None
    part: str | None = None


@dataclass(frozen=True)
class TenantDrift:
    """The result for one tenant.

    ``ended``: the stage of a departure after which offboarding alone changes anything; nothing was looked at.
    ``is_connected``: its machines were asked themselves, not only by their reports.
    """

    tenant: str
    drift: tuple[Drift, ...] = ()
    unseen: tuple[Unseen, ...] = ()
    ended: Stage | None = None
    is_connected: bool = False
