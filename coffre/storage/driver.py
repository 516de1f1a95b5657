"""The interface of storage platforms of every kind, as protocols over the values of `values.py`."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Protocol

from coffre.storage.ending import OwnerEraser
from coffre.storage.survey import SurveyedUser
from coffre.storage.values import (
    AccessKey,
    BucketFacts,
    Contents,
    DailyFigure,
    Endpoint,
    ObjectFacts,
    ObjectLock,
    ObjectVersion,
    OwnerFacts,
    Publication,
    RefusedDelete,
    SharedUpload,
    Unusable,
    Upload,
)


class Bucket(Protocol):
    """One machine's bucket, opened with one key; every call is made with that key's rights."""

    @property
    def name(self) -> str: ...

    def current_bytes(self) -> int:
        """Sum the current objects in a listing: the sold quota counts these bytes."""

    def list_objects(self, prefix: str) -> Sequence[ObjectFacts]: ...

    def walk_objects(self, prefix: str) -> Iterator[ObjectFacts]:
        """Yield the current objects in the order of their keys, in constant memory."""

    def find_newest_at(self, prefix: str) -> datetime | None:
        """Return when an object was last written under a prefix, by the server's clock and never by its name.

        It does not name the object: some platforms list whole seconds, and several objects may share one.
        """

    def find(self, key: str, limit_bytes: int) -> bytes | Unusable | None:
        """Return an object's content; Unusable when it has more than ``limit_bytes``; never reads beyond that."""

    def find_first(self, key: str, limit_bytes: int) -> bytes | Unusable | None:
        """Return an object's first content, like `find`; None when there are too many versions after it."""

    def read_sha256(self, key: str, limit_bytes: int) -> str | None:
        """Read a current object completely and return the SHA-256 of its content; None when there is none.

        Nothing is kept. Beyond the limit only a little more is read, so the hash of a longer object differs.
        """

    def exists(self, key: str) -> bool: ...

    def put(self, key: str, body: bytes) -> None:
        """Write an object; raises QuotaExceededError at the wall."""

    def find_version(self, key: str, version_id: str, limit_bytes: int) -> bytes | Unusable | None:
        """Return the content of one version of an object, like `find`."""

    def walk_versions(self, prefix: str) -> Iterator[ObjectVersion]:
        """Yield every version and delete marker under a prefix, those of one key in a row, in constant memory."""

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
        """Tell whether the machine may write nothing at all, not even reports and locks."""

    def set_stop(self, stopped: bool) -> bool:
        """Stop a machine that fills the storage, or release it; True when that changed something. May run twice."""

    def is_suspended(self) -> bool:
        """Tell whether the machine has no access to its repository, not even for reading."""

    def set_suspension(self, suspended: bool) -> bool:
        """Deny or restore the machine's access to its repository; True when that changed something. May run twice."""

    def list_expiry_rules(self) -> Sequence[str]:
        """Name the rules by which the platform itself deletes from the bucket; none under a hold."""

    def undelete_days(self) -> int | None:
        """Return after how many days the platform deletes earlier versions; None: never."""

    def clear_expiry_rules(self) -> None:
        """Remove every such rule: the platform itself no longer deletes anything."""

    def probe_server_time(self) -> datetime:
        """Return the server's clock as of one signed request."""


class BucketEraser(Protocol):
    """One bucket, opened with its owner's key to empty it for ever: these deletions cannot be undone.

    Only the offboarding package opens one. A lock on an object is never bypassed.
    """

    @property
    def name(self) -> str: ...

    def find_tenant_id(self) -> str | None:
        """Return the tenant id that the bucket is tagged with; None without such a tag."""

    def walk_versions(self) -> Iterator[ObjectVersion]:
        """Yield every version and delete marker, the versions of one key in a row, newest first.

        It uses constant memory, and yielded entries may be deleted meanwhile.
        Raises BucketGoneError.
        """

    def walk_uploads(self) -> Iterator[Upload]:
        """Yield every unfinished upload, as `walk_versions` does with versions."""

    def upload_bytes(self, upload: Upload) -> int:
        """Return the size of an unfinished upload's parts; 0 when it is gone."""

    def delete_versions(self, versions: Sequence[ObjectVersion]) -> Sequence[RefusedDelete]:
        """Delete at most `MAX_DELETED` versions and markers; returns those that the platform did not confirm.

        May run twice: already deleted entries are confirmed like the rest.
        """

    def abort_upload(self, upload: Upload) -> None:
        """Abort an unfinished upload with its parts; a missing one is fine."""

    def find_lock(self, version: ObjectVersion) -> ObjectLock | None:
        """Return the lock of a version against deletion; None when there is none."""

    def delete_bucket(self) -> None:
        """Delete the empty bucket; a missing one is fine. BucketHoldsSomethingError when it is not empty."""


class Buckets(Protocol):
    """The buckets of a platform."""

    def open_bucket(self, name: str, key: AccessKey) -> Bucket: ...

    def open_eraser(self, name: str, key: AccessKey) -> BucketEraser: ...

    def find_bucket(self, name: str) -> BucketFacts | None:
        """Return the owner of a bucket; None when the platform answers that it does not exist."""

    def list_bucket_facts(self, uid: str) -> Sequence[BucketFacts]:
        """Return the facts of all buckets of a user, with few requests; none when the user does not exist."""

    def list_owned_buckets(self, uid: str) -> Sequence[str]:
        """Return the buckets that a user owns; none when the user does not exist."""

    def stored_bytes(self, bucket: str) -> int:
        """Return the total size of a bucket: every version and unfinished upload, as a hard quota counts."""


class Users(Protocol):
    """The users of a platform, with the administrator's rights over them."""

    def find_owner(self, uid: str, exact: bool = True) -> OwnerFacts | None:
        """Return a user's buckets and usage; ``exact`` makes the platform count first, else the numbers may be old."""

    def list_users(self, prefix: str) -> Sequence[str]: ...

    def survey_user(self, uid: str) -> SurveyedUser | None:
        """Return what an apply looks at of a user; None when the user does not exist."""

    def lift_bucket_quota(self, uid: str, bucket: str | None) -> None:
        """Take away the limit of one bucket of a user alone, or without one of each single bucket. May run twice.

        Only where `SurveyedUser` or `BucketFacts` show such a limit.
        """

    def list_key_ids(self, uid: str) -> Sequence[str]:
        """Return the ids of a user's keys; none when the user does not exist."""

    def add_key(self, uid: str, key: AccessKey) -> None:
        """Add a key to a user's keys; may run twice. Only where keys are chosen (`KeyOrigin.CHOSEN`)."""

    def create_key(self, uid: str) -> AccessKey:
        """Let the platform generate another key of a user, at once. Only where keys are given (`KeyOrigin.GIVEN`).

        The answer is the only copy of its secret: a key whose answer was lost is deleted by `delete_key`.
        """

    def delete_key(self, uid: str, access_key_id: str) -> None:
        """Delete a key of a user, at once; may run twice."""

    def suspend_user(self, uid: str, suspended: bool) -> bool:
        """Suspend a user, or enable it; True when that changed something. The user keeps keys, quota and buckets.

        Suspending a missing user changes nothing; enabling it raises RemoteError.
        """

    def delete_user(self, uid: str) -> None:
        """Delete a user that owns no bucket, with its keys; may run twice."""

    def open_owner_eraser(self, uid: str) -> OwnerEraser | None:
        """Return what deletes an owner with all backups in it, for ever; None where backups lie in buckets.

        Only the offboarding package opens one.
        """

    def extra_room(self, uid: str, extra_bytes: int) -> AbstractContextManager[None]:
        """Raise the hard quota by ``extra_bytes`` above usage or quota, the larger of both, during the block.

        Without a hard quota on the platform there is nothing to do.
        """

    def lower_wall(self, uid: str, wall_bytes: int) -> bool:
        """Put a hard quota that is above this back to it: what a killed `extra_room` left; True when that changed it.

        The caller has the tenant's lock, so that no other command needs the room. A lower one stays as it is.
        """


class Witness(Protocol):
    """The platform's answers about deleted things: asked after an erasure, with other calls than the erasure's."""

    @property
    def keeps_bucket_records(self) -> bool:
        """Whether the platform shows its own record of each bucket; otherwise a leftover is a name that answers."""

    def list_leftovers(self, buckets: Collection[str]) -> Sequence[str]:
        """Return the entries of the platform's own metadata about buckets of these names, also of deleted ones."""

    def list_reachable_buckets(self, key: AccessKey) -> Sequence[str]:
        """Return the buckets that S3 lists to a key; the key must be accepted."""

    def accepts_key(self, bucket: str, key: AccessKey) -> bool:
        """Tell whether the platform accepts a signed request with this key; False only for an unknown key."""


class ProgramShelf(Protocol):
    """The programs that machines fetch by the SHA-256 in their orders, outside any tenant's quota."""

    def publish_program(self, path: Path, sha256: str, *, proves: bool = False) -> Publication:
        """Publish a program for every machine of the platform.

        Fast when size and checksum match, as the platform states them; with ``proves``, or when they differ, it is
        read and hashed. ExpectedError when it is not there afterwards.
        """

    def share_program(self, sha256: str, seconds: int) -> str:
        """Return the URL from which anybody who has it can download a published program, at least that long."""

    def read_program_sha256(self, sha256: str, limit_bytes: int) -> str | None:
        """Read a published program like a machine, up to a limit, and hash it; None when there is none."""


class Sharing(Protocol):
    """Single requests for somebody without a key: a URL, which is a secret, and its end."""

    def share_upload(self, bucket: str, key: AccessKey, object_key: str, size_bytes: int, seconds: int) -> SharedUpload:
        """Return an upload of exactly that size, signed with a key of the bucket's owner.

        It replaces nothing where the platform honours the condition; elsewhere earlier versions stay.
        """

    def share_download(self, bucket: str, key: AccessKey, object_key: str, seconds: int) -> str:
        """Return the URL that reads one object's current content, signed with a key of the bucket's owner."""


class Storage(Buckets, Users, Witness, ProgramShelf, Sharing, Protocol):
    """One platform, with its administrator's rights."""

    @property
    def endpoint(self) -> Endpoint: ...

    def list_platform_ids(self) -> Collection[str]:
        """Return the running platform's own identity; none when it does not give one."""

    def probe_server_time(self) -> datetime:
        """Return the platform's clock as of one signed request."""

    def find_daily_bytes(self, bucket: str) -> DailyFigure | None:
        """Return the newest daily size of a bucket by a second count, independent of listings; None without one."""
