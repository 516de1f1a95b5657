"""The evidence of a departure: plain facts, written into the journal and read back for the certificate.

No person writes evidence: each step writes its own. Evidence contains no secret.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Self, TypeVar

from coffre.offboarding.erase.checks import DestroyedSecret, ErasureCheck, Told
from coffre.offboarding.lifecycle import earlier
from coffre.records import details as details_of_records
from coffre.records.facts.departure import ERASURE_BEGAN, Attested
from coffre.storage.ending import OwnerProof

E = TypeVar("E")


class Step(StrEnum):
    """A step of a departure with evidence. The database keeps the values for ever."""

    SIGNED = "signed"
    APPROVED = "approved"
    FROZEN = "frozen"
    RETURN_PLANNED = "return_planned"
    RETURNED = "returned"
    RESTORE_LEFT = "restore_left"
    ATTESTED = "attested"
    AGENT = "agent"
    USERS_SUSPENDED = "users_suspended"
    OWNER_PROVED = "owner_proved"
    ERASURE_BEGAN = ERASURE_BEGAN
    OWNER_ERASURE_BEGAN = "owner_erasure_began"
    BUCKET_ERASED = "bucket_erased"
    OWNER_ERASED = "owner_erased"
    EMPTIED = "emptied"
    SECRET_DESTROYED = "secret_destroyed"  # noqa: S105 (the name of a step)
    USER_DELETED = "user_deleted"
    VERIFIED = "verified"
    STACK_REMOVED = "stack_removed"
    LOCAL_REMOVED = "local_removed"
    FINAL_CHECK = "final_check"
    CERTIFIED = "certified"


@dataclass(frozen=True)
class BucketCount:
    """The content of a bucket: current objects, earlier versions, delete markers, unfinished uploads, and bytes."""

    objects: int = 0
    versions: int = 0
    markers: int = 0
    uploads: int = 0
    bytes: int = 0

    @property
    def is_empty(self) -> bool:
        return not (self.objects or self.versions or self.markers or self.uploads)


@dataclass(frozen=True)
class Signed:
    """A signed statement about an act: its text, OpenSSH's signature, and the signature's namespace."""

    act: str
    statement: str
    signature: str
    namespace: str


@dataclass(frozen=True)
class Approved:
    """The approved departure: the commits of its block, their authors, and the approver.

    ``is_proved``: signatures show the authors, and that another person approved it. Then the fingerprints of their keys
    are set, and ``signers_from`` and ``signers_at``, the commits with the first and the newest file of signers.
    """

    commit: str
    authors: tuple[str, ...]
    approved_by: str
    requested_by: str
    choice: str
    notice_on: date
    ends_on: date
    block_sha256: str = ""
    is_proved: bool = False
    approver_key: str = ""
    author_keys: tuple[str, ...] = ()
    signers_from: str = ""
    signers_at: str = ""


@dataclass(frozen=True)
class Frozen:
    """The machines without access to their repositories, read back from the policies of their buckets."""

    machines: tuple[str, ...]


@dataclass(frozen=True)
class UsersSuspended:
    """The suspended platform users, read back."""

    uids: tuple[str, ...]


@dataclass(frozen=True)
class ReturnPlanned:
    """The planned return of all machines together, for which the target had room."""

    files: int
    bytes: int


@dataclass(frozen=True)
class Flaws:
    """The flaws of the returned data, caused by its machine, its platform or its target.

    For a repository: ``foreign`` keys of the bucket are not written by restic or Coffre, and were left there. The
    content of ``damaged`` objects does not match their names: they are beside the repository. ``is_whole`` is restic's
    result. For files: the target did not accept ``apart`` ones in their own place and has them in another; ``left_out``
    entries could not be handed over, and are named in the bag.
    """

    foreign: int = 0
    damaged: int = 0
    is_whole: bool = True
    apart: int = 0
    left_out: int = 0


@dataclass(frozen=True)
class Returned:
    """One machine's data, returned and read back. ``target`` is shown to people; times are those of the writing only.

    ``renamed`` are entries whose names the target does not accept: they have other names there, all listed in the bag.
    ``set_aside`` are snapshots that were set aside and therefore not returned.
    """

    machine: str
    format: str
    snapshots: tuple[str, ...]
    target: str
    files: int
    bytes: int
    manifest_sha256: str
    renamed: int
    written_at: datetime
    verified_at: datetime
    write_seconds: float
    read_back_seconds: float
    password_handed_out: bool = False
    set_aside: tuple[str, ...] = ()
    flaws: Flaws = field(default_factory=Flaws)


@dataclass(frozen=True)
class RestoreLeft:
    """A machine whose backups only its vendor's own restore reads: the customer was told how to use it.

    ``platform`` is its name in platform.yaml, ``editor`` the vendor's company, ``portal`` where the customer restores.
    """

    machine: str
    platform: str
    editor: str
    portal: str


@dataclass(frozen=True)
class Attestation:
    """A customer's document: the attested duty, its hash, and its date."""

    what: Attested
    document: str
    document_sha256: str
    dated_on: date


class AgentOutcome(StrEnum):
    """The outcome for a machine's agent."""

    REMOVED = "removed"
    REMOVED_ITSELF = "removed_itself"
    NEVER_INSTALLED = "never_installed"
    UNREACHED = "unreached"


@dataclass(frozen=True)
class Agent:
    """A machine's agent at the end; ``told`` is how the customer was informed about an unreachable one."""

    machine: str
    system: str
    outcome: AgentOutcome
    last_seen_at: datetime | None = None
    told: Told | None = None


@dataclass(frozen=True)
class Locked:
    """Versions that nobody can delete before a day (S3 Object Lock, COMPLIANCE)."""

    versions: int
    until: datetime


@dataclass(frozen=True)
class ErasureBegan:
    """A bucket before its erasure: its owner by the platform, and its content.

    ``marker`` is the platform's name of the bucket's data for its whole life. ``copied_to`` is the platform of the
    second copy, for a bucket of that.
    """

    machine: str
    bucket: str
    instance_id: str
    owner: str
    tenant_id: str
    before: BucketCount
    marker: str = ""
    copied_to: Annotated[str | None, details_of_records.OPTIONAL] = None


@dataclass(frozen=True)
class BucketErased:
    """A bucket after its erasure: the deletions of this and earlier runs, and a full listing that found nothing.

    ``deleted`` is at least the content that the bucket had before and no longer has; later objects are included when
    the platform confirmed their deletion to this run. ``locked`` stays until its lock ends; the bucket is gone only
    without it.
    """

    machine: str
    bucket: str
    deleted: BucketCount
    left: BucketCount
    is_gone: bool
    locked: Locked | None = None
    copied_to: Annotated[str | None, details_of_records.OPTIONAL] = None


@dataclass(frozen=True)
class OwnerProved:
    """The owner on a platform without buckets as it was before somebody agreed to its end; see `OwnerProof`.

    ``platform`` is its name in platform.yaml.
    """

    platform: str
    external_id: str
    uuid: str
    name: str
    version: int
    is_enabled: bool
    used: tuple[str, ...]
    below: int

    @classmethod
    def of(cls, platform: str, proof: OwnerProof) -> Self:
        return cls(platform, **{each.name: getattr(proof, each.name) for each in fields(proof)})

    @property
    def proof(self) -> OwnerProof:
        """What a deletion compares the owner with."""
        return OwnerProof(self.external_id, self.uuid, self.name, self.version, self.is_enabled, self.used, self.below)


@dataclass(frozen=True)
class OwnerErasureBegan:
    """A proved owner whose deletion was agreed to: from here on it may be gone."""

    platform: str
    uuid: str
    version: int


@dataclass(frozen=True)
class OwnerErased:
    """A deleted owner, as other calls than the deletion's show it.

    ``deleted_at`` is the vendor's word, None when it shows nothing of it any more; until ``recoverable_until`` the
    vendor may be able to bring it back.
    """

    platform: str
    external_id: str
    uuid: str
    deleted_at: datetime | None
    recoverable_until: datetime | None


@dataclass(frozen=True)
class SecretDestroyed:
    """A secret destroyed in all its places; ``fingerprint`` is the SHA-256 of the encrypted file."""

    what: DestroyedSecret
    places: tuple[str, ...]
    fingerprint: str


@dataclass(frozen=True)
class UserDeleted:
    """A deleted platform user with its keys; the ids of keys are not secret."""

    uid: str
    access_key_ids: tuple[str, ...]


@dataclass(frozen=True)
class Removed:
    """The removed files and folders of a tenant on this computer."""

    places: tuple[str, ...]


@dataclass(frozen=True)
class Verified:
    """A whole verification; the event's actor did it."""

    checks: tuple[ErasureCheck, ...] = field(default=())

    @property
    def is_passed(self) -> bool:
        return bool(self.checks) and not self.failed

    @property
    def failed(self) -> list[ErasureCheck]:
        return [check for check in self.checks if not check.passed]


@dataclass(frozen=True)
class Certified:
    """The issued certificate; the hashes are SHA-256 of the two files and of the signer's certificate.

    ``reservations`` are its reservations as French sentences.
    """

    number: str
    pdf: str
    pdf_sha256: str
    json: str
    json_sha256: str
    key_sha256: str
    reservations: tuple[str, ...] = ()


_UPGRADES: details_of_records.Upgrades = {
    ErasureCheck: earlier.upgrade_check,
    SecretDestroyed: earlier.upgrade_secret,
    Agent: earlier.upgrade_agent,
}
"""The migrations of the details of earlier versions."""


def read_evidence(kind: type[E], details: Mapping[str, Any]) -> E:
    """Read evidence back from an event, also one of an earlier version. Pure.

    Other fields of an event are ignored.
    """
    return details_of_records.from_details(kind, details, _UPGRADES)
