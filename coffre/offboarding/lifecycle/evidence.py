"""What a departure leaves as evidence: plain facts, written into the journal and read back for the certificate.

Nothing here is typed by hand: each is made by the step that saw it. No secret stands in any of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, TypeVar

from coffre.offboarding.erase.checks import Check, Secret, Told
from coffre.offboarding.lifecycle import earlier
from coffre.records import details as details_of_records
from coffre.tenant.departure import ERASURE_BEGAN

E = TypeVar("E")


class Step(StrEnum):
    """A step of a departure that leaves evidence. The values are in the database for ever."""

    SIGNED = "signed"
    APPROVED = "approved"
    FROZEN = "frozen"
    RETURN_PLANNED = "return_planned"
    RETURNED = "returned"
    ATTESTED = "attested"
    AGENT = "agent"
    USERS_SUSPENDED = "users_suspended"
    ERASURE_BEGAN = ERASURE_BEGAN
    BUCKET_ERASED = "bucket_erased"
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
    """What a bucket holds: current objects, earlier versions, delete markers, unfinished uploads, and their bytes."""

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
    """A signed statement of somebody who acted: its text, OpenSSH's signature, and the namespace that this is for."""

    act: str
    statement: str
    signature: str
    namespace: str


@dataclass(frozen=True)
class Approved:
    """The departure as it was approved: the commits of its block, their authors, and who approved it.

    ``is_proved``: signatures show who wrote it and that somebody else approved it. Then there are the fingerprints of
    their keys, and ``signers_from`` and ``signers_at``, the commits with the first and the newest file of signers.
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
    """The machines that were shut out of their repositories, read back from the policies of their buckets."""

    machines: tuple[str, ...]


@dataclass(frozen=True)
class UsersSuspended:
    """The platform users that may do nothing any more, read back."""

    uids: tuple[str, ...]


@dataclass(frozen=True)
class ReturnPlanned:
    """What all machines together were to be handed over, for which the target had room."""

    files: int
    bytes: int


@dataclass(frozen=True)
class Flaws:
    """What is not as it should be about what was handed back, by its machine, its platform or its target.

    Of a repository: ``foreign`` keys of the bucket are none that restic or we write, and were left there. The content
    of ``damaged`` objects is not what their names say: they lie beside the repository. ``is_whole`` is restic's word.
    Of files: the target did not take ``apart`` ones in their own place, and has them in another; ``left_out`` entries
    could not be handed over, and are named in the bag.
    """

    foreign: int = 0
    damaged: int = 0
    is_whole: bool = True
    apart: int = 0
    left_out: int = 0


@dataclass(frozen=True)
class Returned:
    """One machine's data, handed back and read back. ``target`` is shown to people; times are the writing's alone.

    ``renamed`` are entries whose names the target cannot hold: they are there under other names, all listed in the bag.
    ``set_aside`` are snapshots that were put aside, which is why they are not among what was handed back.
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


class Attested(StrEnum):
    """What the customer attests (contract, article 14)."""

    DATA_RECOVERED = "data_recovered"
    SOFTWARE_ERASED = "software_erased"
    ADMINISTRATORS_TOLD = "administrators_told"


@dataclass(frozen=True)
class Attestation:
    """A document of the customer's: which of its duties it attests, its hash, and the day that it bears."""

    what: Attested
    document: str
    document_sha256: str
    dated_on: date


class AgentOutcome(StrEnum):
    """How it went with the agent of a machine."""

    REMOVED = "removed"
    REMOVED_ITSELF = "removed_itself"
    NEVER_INSTALLED = "never_installed"
    UNREACHED = "unreached"


@dataclass(frozen=True)
class Agent:
    """A machine's agent at the end; ``told`` is how the customer was told of one that could not be reached."""

    machine: str
    system: str
    outcome: AgentOutcome
    last_seen_at: datetime | None = None
    told: Told | None = None


@dataclass(frozen=True)
class Locked:
    """Versions that the platform lets nobody delete before a day (S3 Object Lock, COMPLIANCE)."""

    versions: int
    until: datetime


@dataclass(frozen=True)
class ErasureBegan:
    """A bucket before anything of it was erased: whose it is by the platform's word, and what it holds.

    ``marker`` is what the platform names the bucket's data by for as long as it exists.
    """

    machine: str
    bucket: str
    instance_id: str
    owner: str
    tenant_id: str
    before: BucketCount
    marker: str = ""


@dataclass(frozen=True)
class BucketErased:
    """A bucket after its erasure: what was deleted by this and earlier runs, and that a full re-listing found nothing.

    ``deleted`` is at the least what the bucket held before and holds no more; what it gained meanwhile counts in as far
    as the platform confirmed its deletion to this run. ``locked`` is what stays until its lock ends; the bucket is gone
    only when there is none.
    """

    machine: str
    bucket: str
    deleted: BucketCount
    left: BucketCount
    is_gone: bool
    locked: Locked | None = None


@dataclass(frozen=True)
class SecretDestroyed:
    """A secret destroyed in every place where it stood; ``fingerprint`` is the SHA-256 of the encrypted file."""

    what: Secret
    places: tuple[str, ...]
    fingerprint: str


@dataclass(frozen=True)
class UserDeleted:
    """A platform user and its keys, deleted; the ids of keys are no secrets."""

    uid: str
    access_key_ids: tuple[str, ...]


@dataclass(frozen=True)
class Removed:
    """What was removed of a tenant on this computer, files and folders as people find them."""

    places: tuple[str, ...]


@dataclass(frozen=True)
class Verified:
    """A verification as a whole; who did it is the event's actor."""

    checks: tuple[Check, ...] = field(default=())

    @property
    def is_passed(self) -> bool:
        return bool(self.checks) and not self.failed

    @property
    def failed(self) -> list[Check]:
        return [check for check in self.checks if not check.passed]


@dataclass(frozen=True)
class Certified:
    """The certificate as it was issued; the hashes are SHA-256 of the two files and of the signer's certificate.

    ``reservations`` are the sentences under which it was issued, in French, as it says them.
    """

    number: str
    pdf: str
    pdf_sha256: str
    json: str
    json_sha256: str
    key_sha256: str
    reservations: tuple[str, ...] = ()


_UPGRADES: details_of_records.Upgrades = {
    Check: earlier.upgrade_check,
    SecretDestroyed: earlier.upgrade_secret,
    Agent: earlier.upgrade_agent,
}
"""How the details that earlier versions wrote become those of today."""


def from_details(kind: type[E], details: Mapping[str, Any]) -> E:
    """Read evidence back from an event, also one of an earlier version. Pure.

    What an event has beyond the evidence's fields is passed over.
    """
    return details_of_records.from_details(kind, details, _UPGRADES)
