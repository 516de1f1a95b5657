"""The plain values that storage platforms of every kind take and answer with, and the errors of their calls."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path

from coffre.errors import RemoteError
from coffre.outside.faults import Fault

TENANT_ID_TAG = "coffre-tenant-id"
"""The bucket tag with the tenant's id: an erasure compares it with its journal."""

PROGRAMS_BUCKET = "coffre-programs"
"""The bucket of programs for machines where names of buckets are a platform's own."""

MAX_DELETED = 1000
"""The maximum of deletions in one call (S3, DeleteObjects)."""


@dataclass(frozen=True)
class AccessKey:
    """One S3 key pair; the secret never shows in a repr."""

    access_key_id: str
    secret_access_key: str = field(repr=False)


@dataclass(frozen=True)
class Endpoint:
    """The endpoint of a platform, and its certificate authority (None: the system's).

    ``platform_id`` is the platform's own identity if known: it tells whether two things are on the same platform.
    ``account_id`` is the account that must own each bucket, where buckets of all accounts share their names (AWS).
    ``programs_bucket`` is the bucket from which machines download their programs.
    """

    url: str
    region: str = "default"
    ca_file: Path | None = None
    platform_id: str | None = None
    account_id: str | None = None
    programs_bucket: str = PROGRAMS_BUCKET


@dataclass(frozen=True)
class LicenceFigures:
    """What the platform says of one kind of licence: ``granted`` is where it stops (None: nowhere).

    ``used`` is None when it gives no figure.
    """

    granted: int | None
    used: int | None


@dataclass(frozen=True)
class OwnerFacts:
    """A tenant's owner user as the platform sees it.

    ``used_bytes`` counts everything the wall counts: all buckets, all versions, unfinished uploads. ``counted_bytes``
    is what the wall compares, where it counts objects in whole blocks (None: the same).
    ``wall_bytes`` is None when the user has no enforced quota. ``display_name`` is the name that people read, None
    where the platform keeps none. ``is_use_known``: otherwise the platform gave no figure, and ``used_bytes`` is 0.
    ``licences`` are the figures of each kind of machine, on a platform that sells licences.
    """

    uid: str
    wall_bytes: int | None
    used_bytes: int
    suspended: bool
    buckets: tuple[str, ...]
    display_name: str | None = None
    counted_bytes: int | None = None
    is_use_known: bool = True
    licences: Mapping[str, LicenceFigures] = field(default_factory=dict)

    @property
    def known_use_bytes(self) -> int | None:
        """The use; None when the platform gave no figure."""
        return self.used_bytes if self.is_use_known else None

    @property
    def free_bytes(self) -> int | None:
        """What fits below the wall; None without a wall."""
        counted_bytes = self.used_bytes if self.counted_bytes is None else self.counted_bytes
        return None if self.wall_bytes is None else self.wall_bytes - counted_bytes


@dataclass(frozen=True)
class SharedUpload:
    """One upload that somebody without a key may make: the URL is a secret, and the headers are sent exactly so."""

    url: str = field(repr=False)
    headers: Mapping[str, str]


@dataclass(frozen=True)
class ObjectFacts:
    """One current object; ``modified_at`` is the server's time, aware UTC."""

    key: str
    size_bytes: int
    modified_at: datetime
    etag: str


@dataclass(frozen=True)
class Unusable:
    """An existing object that is not read: too large, or encrypted with its writer's own key.

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
    """The owner and the identity of a bucket, by the platform's own record.

    ``lifetime_id`` is constant during the bucket's life and unique, also among later buckets of the same name;
    ``index_id`` identifies the index of its objects, which a platform may rebuild. ``entries`` counts versions without
    delete markers; ``stored_bytes`` are theirs and those of unfinished uploads. Both are the platform's count.
    ``quota_bytes`` is a limit of this bucket alone, None without one: Coffre sets none. ``mark`` changes whenever a
    version is written or deleted, but a delete marker may leave it; None where the platform has no such thing.
    """

    name: str
    owner: str
    index_id: str
    lifetime_id: str
    entries: int
    stored_bytes: int = 0
    quota_bytes: int | None = None
    mark: str | None = None


@dataclass(frozen=True)
class DailyFigure:
    """The size of a bucket on a day (UTC), all versions and unfinished uploads, by another count of the platform."""

    day: date
    stored_bytes: int


@dataclass(frozen=True)
class Contents:
    """The complete content of a bucket, in numbers."""

    versions: int = 0
    markers: int = 0
    uploads: int = 0

    @property
    def is_anything(self) -> bool:
        return bool(self.versions or self.markers or self.uploads)


@dataclass(frozen=True)
class Upload:
    """An unfinished multipart upload."""

    key: str
    upload_id: str


@dataclass(frozen=True)
class RefusedDelete:
    """A version that the platform did not delete, and its error code."""

    version: ObjectVersion
    code: str


@dataclass(frozen=True)
class ObjectLock:
    """The lock of a version against deletion (S3 Object Lock): its end, or None for a legal hold without end."""

    until: datetime | None


class Publication(StrEnum):
    """The result of publishing a program for machines."""

    THERE = "there"
    PUT = "put"
    REPLACED = "replaced"
    """The key of its hash had another content: a writer withheld the program from machines."""


class QuotaExceededError(RemoteError):
    """The wall is reached: the platform refuses all writes of this tenant, even orders and reports."""


class PlatformAwayError(RemoteError):
    """The platform gave no answer, or cannot serve now: the effect of the call is unknown."""


class BucketGoneError(RemoteError):
    """The bucket does not exist."""


class BucketHoldsSomethingError(RemoteError):
    """The bucket cannot be deleted: it is not empty."""
