"""What Coffre asks of a storage platform, whatever its kind: plain values and two protocols."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from coffre.errors import RemoteError
from coffre.outside.faults import Fault


@dataclass(frozen=True)
class AccessKey:
    """One S3 key pair; the secret never shows in a repr."""

    access_key_id: str
    secret_access_key: str = field(repr=False)


@dataclass(frozen=True)
class Endpoint:
    """Where a platform answers, and the certificate authority that vouches for it (None: the system's).

    ``platform_id`` is the platform's own identity where it is known: it tells whether two things live on one platform.
    """

    url: str
    region: str = "default"
    ca_file: Path | None = None
    platform_id: str | None = None


@dataclass(frozen=True)
class OwnerFacts:
    """A tenant's owner user as the platform sees it.

    ``used_bytes`` counts everything the wall counts: all buckets, all versions, unfinished uploads.
    ``wall_bytes`` is None when the user has no enforced quota.
    """

    uid: str
    wall_bytes: int | None
    used_bytes: int
    suspended: bool
    buckets: tuple[str, ...]


@dataclass(frozen=True)
class ObjectFacts:
    """One current object; ``modified_at`` is the server's time, aware UTC."""

    key: str
    size_bytes: int
    modified_at: datetime
    etag: str


@dataclass(frozen=True)
class Unusable:
    """An object that is there and is not read: larger than such an object ever is, or locked by its writer's own key.

    At most the limit that the caller gave was read of it.
    """

    fault: Fault


@dataclass(frozen=True)
class ObjectVersion:
    """One version of an object, or (``is_marker``) a delete marker; ``modified_at`` is the server's time, aware UTC.

    Equal ``etag`` and ``size_bytes`` of one key mean equal content: a copy keeps its source's.
    """

    key: str
    version_id: str
    modified_at: datetime
    is_latest: bool
    is_marker: bool = False
    size_bytes: int = 0
    etag: str = ""


@dataclass(frozen=True)
class BucketFacts:
    """Whose a bucket is and which one, by the platform's own record.

    ``lifetime_id`` stays for the bucket's life, and no other bucket has it, also none of the same name made later;
    ``index_id`` is of the index that lists its objects, which a platform may make anew. ``entries`` counts versions
    and no delete markers; ``stored_bytes`` are theirs and those of unfinished uploads. Both are the platform's count.
    """

    name: str
    owner: str
    index_id: str
    lifetime_id: str
    entries: int
    stored_bytes: int = 0


@dataclass(frozen=True)
class Contents:
    """How much a bucket holds of everything that can be in one."""

    versions: int = 0
    markers: int = 0
    uploads: int = 0

    @property
    def is_anything(self) -> bool:
        return bool(self.versions or self.markers or self.uploads)


@dataclass(frozen=True)
class Upload:
    """A multipart upload that nobody finished."""

    key: str
    upload_id: str


@dataclass(frozen=True)
class RefusedDelete:
    """A version that the platform did not delete, and its word for why."""

    version: ObjectVersion
    code: str


@dataclass(frozen=True)
class ObjectLock:
    """What keeps a version from being deleted (S3 Object Lock): until when, or None for a legal hold, without end."""

    until: datetime | None


class Publication(StrEnum):
    """How a program came to be where machines fetch it."""

    THERE = "there"
    PUT = "put"
    REPLACED = "replaced"
    """Something else stood under its hash: whoever can write there kept machines from it."""


class QuotaExceededError(RemoteError):
    """The wall is reached: the platform takes no more bytes of this tenant, not even orders and reports."""


class PlatformAwayError(RemoteError):
    """The platform gave no answer, or answered that it cannot serve now: nothing is known of what it did."""


class BucketGoneError(RemoteError):
    """There is no such bucket."""


class BucketHoldsSomethingError(RemoteError):
    """The bucket cannot be deleted: it is not empty."""


class Bucket(Protocol):
    """One machine's bucket, opened with one key; every call is made with that key's rights."""

    @property
    def name(self) -> str: ...

    def current_bytes(self) -> int:
        """Sum the current objects by listing them: what the sold quota counts."""

    def list_objects(self, prefix: str) -> Sequence[ObjectFacts]: ...

    def walk_objects(self, prefix: str) -> Iterator[ObjectFacts]:
        """Yield the current objects in the order of their keys; memory stays the same whatever the bucket holds."""

    def find_newest_at(self, prefix: str) -> datetime | None:
        """Return when an object was last written under a prefix, by the server's clock and never by its name.

        Which object it was is not told: some platforms' listings have whole seconds, and several may share one.
        """

    def find(self, key: str, limit_bytes: int) -> bytes | Unusable | None:
        """Return an object's content; Unusable when it has more than ``limit_bytes``, of which no more is ever read."""

    def find_first(self, key: str, limit_bytes: int) -> bytes | Unusable | None:
        """Return an object's content as it was first written, like `find`; None when too many versions lie above it."""

    def read_sha256(self, key: str, limit_bytes: int) -> str | None:
        """Read a current object through and return the SHA-256 of its content; None when there is none.

        Nothing is kept. Of what is longer than the limit only that much and a little is read: its hash is another's.
        """

    def exists(self, key: str) -> bool: ...

    def put(self, key: str, body: bytes) -> None:
        """Write an object; raises QuotaExceededError at the wall."""

    def list_versions(self, prefix: str) -> Sequence[ObjectVersion]:
        """List every version and delete marker under a prefix, each key's newest first."""

    def count_contents(self) -> Contents:
        """Count every version, delete marker and unfinished upload by a listing; raises BucketGoneError."""

    def restore_version(self, key: str, version_id: str) -> None:
        """Make an earlier version current again by copying it onto its key, on the platform; every version stays.

        Objects of at most 5 GiB (restic's have 128 MiB at most). Raises QuotaExceededError: a copy counts in full.
        """

    def copy(self, key: str, to: str) -> None:
        """Copy an object within the bucket, on the platform, as `restore_version` does."""

    def hide(self, key: str) -> None:
        """Put a delete marker on a key: nothing is deleted, and `restore_version` brings it back."""

    def is_gate_closed(self) -> bool: ...

    def set_gate(self, closed: bool) -> bool:
        """Close or open the gate; True when that changed something. May run twice."""

    def is_stopped(self) -> bool:
        """Tell whether the machine may write nothing at all, reports and locks neither."""

    def set_stop(self, stopped: bool) -> bool:
        """Stop a machine that fills the storage, or let it go on; True when that changed something. May run twice."""

    def is_suspended(self) -> bool:
        """Tell whether the machine is shut out of its repository, reading included."""

    def set_suspension(self, suspended: bool) -> bool:
        """Shut the machine out of its repository or let it in; True when that changed something. May run twice."""

    def list_expiry_rules(self) -> Sequence[str]:
        """Name the rules by which the platform itself deletes from the bucket; none under a hold."""

    def undelete_days(self) -> int | None:
        """Return after how many days the platform takes earlier versions away; None: never."""

    def clear_expiry_rules(self) -> None:
        """Take every such rule away: nothing is deleted any more by the platform itself."""

    def probe_server_time(self) -> datetime:
        """Return the server's clock as of one signed request."""


class BucketEraser(Protocol):
    """One bucket, opened with its owner's key to be emptied for good: nothing that goes here ever comes back.

    Only the offboarding room opens one. A lock on an object is never bypassed.
    """

    @property
    def name(self) -> str: ...

    def find_tenant_id(self) -> str | None:
        """Return the tenant id that the bucket is tagged with; None without such a tag."""

    def walk_versions(self) -> Iterator[ObjectVersion]:
        """Yield every version and delete marker, the versions of one key in a row, newest first.

        Memory stays the same whatever the bucket holds, and what was yielded may be deleted meanwhile.
        Raises BucketGoneError.
        """

    def walk_uploads(self) -> Iterator[Upload]:
        """Yield every unfinished upload, as `walk_versions` does with versions."""

    def upload_bytes(self, upload: Upload) -> int:
        """Return what the parts of an unfinished upload take; 0 when it is gone."""

    def delete_versions(self, versions: Sequence[ObjectVersion]) -> Sequence[RefusedDelete]:
        """Delete at most `MAX_DELETED` versions and markers; returns those that the platform did not confirm.

        May run twice: what is gone already is confirmed like the rest.
        """

    def abort_upload(self, upload: Upload) -> None:
        """Give up an unfinished upload with its parts; what is gone already is as good."""

    def find_lock(self, version: ObjectVersion) -> ObjectLock | None:
        """Return what keeps a version from being deleted; None when nothing does."""

    def delete_bucket(self) -> None:
        """Delete the empty bucket; gone already is as good. BucketHoldsSomethingError when it is not empty."""


MAX_DELETED = 1000
"""What one call deletes at most (S3, DeleteObjects)."""


class Buckets(Protocol):
    """The buckets of a platform."""

    def open_bucket(self, name: str, key: AccessKey) -> Bucket: ...

    def open_eraser(self, name: str, key: AccessKey) -> BucketEraser: ...

    def find_bucket(self, name: str) -> BucketFacts | None:
        """Return whose a bucket is; None when the platform says that there is none."""

    def list_owned_buckets(self, uid: str) -> Sequence[str]:
        """Return the buckets that a user owns; none when there is no such user."""

    def stored_bytes(self, bucket: str) -> int:
        """Return what a bucket holds in all: every version and unfinished uploads, which a hard quota counts."""


class Users(Protocol):
    """The users of a platform, with the administrator's rights over them."""

    def find_owner(self, uid: str, exact: bool = True) -> OwnerFacts | None:
        """Return what a user owns and uses; ``exact`` has the platform count first, else figures may lag."""

    def list_users(self, prefix: str) -> Sequence[str]: ...

    def list_key_ids(self, uid: str) -> Sequence[str]:
        """Return the ids of a user's keys; none when there is no such user."""

    def add_key(self, uid: str, key: AccessKey) -> None:
        """Give a user a key beside those it has; may run twice."""

    def delete_key(self, uid: str, access_key_id: str) -> None:
        """Take a key from a user, at once; may run twice."""

    def suspend_user(self, uid: str, suspended: bool) -> bool:
        """Suspend a user, or enable it; True when that changed something. It keeps keys, quota and buckets.

        Suspending one that is gone changes nothing; enabling it raises RemoteError.
        """

    def delete_user(self, uid: str) -> None:
        """Delete a user that owns no bucket, with its keys; may run twice."""

    def extra_room(self, uid: str, extra_bytes: int) -> AbstractContextManager[None]:
        """Make room of ``extra_bytes`` above use or hard quota, whichever is larger, for the time of the block.

        Where the platform has no hard quota there is nothing to do.
        """


class Witness(Protocol):
    """What a platform says of what is gone: asked after an erasure, by other calls than those that erased."""

    def list_leftovers(self, buckets: Collection[str]) -> Sequence[str]:
        """Return what the platform's own metadata still has of buckets of these names, deleted ones included."""

    def list_reachable_buckets(self, key: AccessKey) -> Sequence[str]:
        """Return the buckets that are listed to a key over S3, its own; the key has to be accepted."""

    def accepts_key(self, bucket: str, key: AccessKey) -> bool:
        """Tell whether a signed request with this key is let in; False only when the platform knows no such key."""


class ProgramShelf(Protocol):
    """Where machines fetch the programs that their orders name, by SHA-256, outside any tenant's quota."""

    def publish_program(self, path: Path, sha256: str, *, proves: bool = False) -> Publication:
        """Have a program where every machine of the platform may fetch it.

        Quick when it is there by size and checksum, the platform's word; with ``proves``, or when these differ,
        it is read and hashed. ExpectedError when it is not there afterwards.
        """

    def read_program_sha256(self, sha256: str, limit_bytes: int) -> str | None:
        """Read a published program as a machine does, up to a limit, and hash it; None when there is none."""


class Storage(Buckets, Users, Witness, ProgramShelf, Protocol):
    """One platform, seen with its administrator's rights."""

    @property
    def endpoint(self) -> Endpoint: ...

    def list_platform_ids(self) -> Collection[str]:
        """Return what the running platform says it is; none when it does not say."""

    def probe_server_time(self) -> datetime:
        """Return the platform's clock as of one signed request."""
