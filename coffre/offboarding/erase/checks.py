"""What the checks of an erasure look at and see, and which secret was destroyed, as typed values. Pure.

The journal and the certificate's JSON keep them as they are here: the values of enums and of ``kind`` never change. The
CLI says them in English, `certificate/wording.py` in French.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Literal

from coffre.errors import RefusedError
from coffre.secrets.identifiers import SecretId


class Look(StrEnum):
    """What a check looks at. The subject of the check is what stands behind each."""

    CONTENTS = "bucket_contents"  # a bucket, listed with its owner's key
    OWNED = "owned_buckets"  # no subject: all buckets that the owner's key is listed
    BUCKET = "bucket"  # a bucket, asked for by the administrator
    RECORD = "bucket_record"  # a bucket, in the platform's list of bucket instances
    USER = "user"  # the uid of a platform user
    KEY = "access_key"  # the id of an access key
    RESTORE = "restore"  # a bucket, opened as a restore opens it
    BUNDLES = "secret_bundles"  # the tenant's slug
    STACK = "stack"  # the tenant's slug
    PASSWORD = "repository_password"  # noqa: S105 - a machine
    QUOTED = "quoted"  # the name of a check of an earlier version, as it stands there


@dataclass(frozen=True, kw_only=True)
class Quoted:
    """What an earlier version wrote down as a sentence that this one does not know, word for word."""

    kind: Literal["quoted"] = "quoted"
    text: str


@dataclass(frozen=True, kw_only=True)
class Absent:
    """There is no such thing."""

    kind: Literal["absent"] = "absent"


@dataclass(frozen=True, kw_only=True)
class Present:
    """It is still there; ``owner`` is the uid of a bucket's owner."""

    kind: Literal["present"] = "present"
    owner: str | None = None


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What a bucket holds by a full listing."""

    kind: Literal["contents"] = "contents"
    versions: int
    markers: int
    uploads: int


@dataclass(frozen=True, kw_only=True)
class Left:
    """What a place has left of a tenant, by name."""

    kind: Literal["left"] = "left"
    names: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class OwnedBuckets:
    """Which of the ``sought`` erased buckets the platform lists to the owner's key, which it accepts."""

    kind: Literal["owned_buckets"] = "owned_buckets"
    sought: int
    names: tuple[str, ...] = ()


class KeyAnswer(StrEnum):
    """How the platform answers a request that an access key signs."""

    UNKNOWN = "unknown"
    ACCEPTED = "accepted"
    NO_BUCKET = "no_bucket"
    REFUSED = "refused"


@dataclass(frozen=True, kw_only=True)
class KeyTried:
    """How the platform answers an access key; ``said`` quotes an answer that shows that it still knows the key."""

    kind: Literal["key_tried"] = "key_tried"
    answer: KeyAnswer
    said: str = ""


class RestoreAnswer(StrEnum):
    """How a restore ends."""

    REFUSED = "refused"
    OPENED = "opened"
    RESTORED = "restored"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class RestoreTried:
    """How a restore ends; ``said`` quotes restic."""

    kind: Literal["restore_tried"] = "restore_tried"
    answer: RestoreAnswer
    said: str = ""


Seen = Absent | Present | Contents | Left | OwnedBuckets | KeyTried | RestoreTried | Quoted
"""What a check sees."""


@dataclass(frozen=True)
class Check:
    """One check of a verification: what it looks at, whether that is as it should be, and what it sees.

    ``holder`` says whose an access key is.
    """

    look: Look
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
    """The keys that run the tenant's service: access keys, signing keys, the stack's passphrase."""

    kind: Literal["service_keys"] = "service_keys"


Secret = RepositoryPasswords | ServiceKeys | Quoted
"""Which secret is destroyed."""


@dataclass(frozen=True, kw_only=True)
class ToldByLetter:
    """The customer was told by a letter of that day."""

    kind: Literal["letter"] = "letter"
    on: date


Told = ToldByLetter | Quoted
"""How the customer was told of a machine that could not be reached."""


class ChecksFailedError(RefusedError):
    """Something is left that should be gone; the CLI says what ``failed``."""

    def __init__(self, message: str, hint: str, failed: Sequence[Check]) -> None:
        super().__init__(message, hint)
        self.failed = tuple(failed)
