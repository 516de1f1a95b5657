"""The checks of an erasure with their results, and the destroyed secrets, as typed values. Pure.

The journal and the certificate's JSON store these values: the values of enums and of ``kind`` never change. The CLI
has the English words, `certificate/wording.py` the French ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Literal

from coffre.errors import RefusedError
from coffre.records.details import OPTIONAL
from coffre.secrets.identifiers import SecretId


class ErasureLook(StrEnum):
    """The kind of a check. The comment behind each kind is the subject of the check."""

    CONTENTS = "bucket_contents"  # a bucket, listed with its owner's key
    OWNED = "owned_buckets"  # no subject: all buckets that the owner's key is listed
    BUCKET = "bucket"  # a bucket, asked for by the administrator
    RECORD = "bucket_record"  # a bucket, in the platform's list of bucket instances
    NAME = "bucket_name"  # a bucket, by its name in the account of a platform without such a list
    USER = "user"  # the uid of a platform user
    KEY = "access_key"  # the id of an access key
    RESTORE = "restore"  # a bucket, opened as a restore opens it
    BUNDLES = "secret_bundles"  # the tenant's slug
    STACK = "stack"  # the tenant's slug
    PASSWORD = "repository_password"  # noqa: S105 - a machine
    CUSTOMER = "customer"  # the UUID of an owner on a platform without buckets
    QUOTED = "quoted"  # the unchanged name of a check of an earlier version


@dataclass(frozen=True, kw_only=True)
class Quoted:
    """The unchanged sentence of an earlier version that this version does not know."""

    kind: Literal["quoted"] = "quoted"
    text: str


@dataclass(frozen=True, kw_only=True)
class Absent:
    """It does not exist."""

    kind: Literal["absent"] = "absent"


@dataclass(frozen=True, kw_only=True)
class Present:
    """It still exists; ``owner`` is the uid of a bucket's owner."""

    kind: Literal["present"] = "present"
    owner: str | None = None


@dataclass(frozen=True, kw_only=True)
class ContentsSeen:
    """The content of a bucket in a full listing."""

    kind: Literal["contents"] = "contents"
    versions: int
    markers: int
    uploads: int


@dataclass(frozen=True, kw_only=True)
class Left:
    """The names that a place still has of a tenant."""

    kind: Literal["left"] = "left"
    names: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class OwnedBuckets:
    """The ``sought`` erased buckets that the platform still lists to the owner's accepted key."""

    kind: Literal["owned_buckets"] = "owned_buckets"
    sought: int
    names: tuple[str, ...] = ()


class KeyAnswer(StrEnum):
    """The platform's answer to a request signed by an access key."""

    UNKNOWN = "unknown"
    ACCEPTED = "accepted"
    NO_BUCKET = "no_bucket"
    REFUSED = "refused"


@dataclass(frozen=True, kw_only=True)
class KeyTried:
    """The platform's answer to an access key; ``said`` quotes an answer that shows that it still knows the key."""

    kind: Literal["key_tried"] = "key_tried"
    answer: KeyAnswer
    said: str = ""


class RestoreAnswer(StrEnum):
    """The result of a restore."""

    REFUSED = "refused"
    OPENED = "opened"
    RESTORED = "restored"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class RestoreTried:
    """The result of a restore; ``said`` quotes restic."""

    kind: Literal["restore_tried"] = "restore_tried"
    answer: RestoreAnswer
    said: str = ""


@dataclass(frozen=True, kw_only=True)
class CustomerSeen:
    """What a vendor still shows of a deleted owner; see `OwnerTrace`."""

    kind: Literal["customer"] = "customer"
    is_listed: bool
    is_answering: bool
    is_being_deleted: bool
    deleted_at: datetime | None = None
    recoverable_until: datetime | None = None


Seen = Absent | Present | ContentsSeen | Left | OwnedBuckets | KeyTried | RestoreTried | CustomerSeen | Quoted
"""The result of a check."""


@dataclass(frozen=True)
class ErasureCheck:
    """One check of a verification: its kind, whether it passed, and its result.

    ``holder`` is the holder of an access key.
    """

    look: ErasureLook
    subject: str
    passed: bool
    seen: Seen
    holder: SecretId | None = None


@dataclass(frozen=True, kw_only=True)
class RepositoryPasswords:
    """The repository password of one machine; without ``machine``, those of all."""

    kind: Literal["repository_passwords"] = "repository_passwords"
    machine: str | None = None


@dataclass(frozen=True, kw_only=True)
class ServiceKeys:
    """The keys that run the tenant's service: access keys, signing keys, the stack's passphrase.

    With ``copied_to``: the keys of the second copy on that platform.
    """

    kind: Literal["service_keys"] = "service_keys"
    copied_to: Annotated[str | None, OPTIONAL] = None


DestroyedSecret = RepositoryPasswords | ServiceKeys | Quoted
"""A destroyed secret."""


@dataclass(frozen=True, kw_only=True)
class ToldByLetter:
    """The customer was informed by a letter of that day."""

    kind: Literal["letter"] = "letter"
    on: date


Told = ToldByLetter | Quoted
"""How the customer was informed about an unreachable machine."""


class ChecksFailedError(RefusedError):
    """Something still exists that should be gone; the CLI words the ``failed`` checks."""

    def __init__(self, message: str, hint: str, failed: Sequence[ErasureCheck]) -> None:
        super().__init__(message, hint)
        self.failed = tuple(failed)
