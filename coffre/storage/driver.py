"""What Coffre asks of a storage platform, whatever its kind: plain values and two protocols."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from coffre.errors import RemoteError


@dataclass(frozen=True)
class AccessKey:
    """One S3 key pair; the secret never shows in a repr."""

    access_key_id: str
    secret_access_key: str = field(repr=False)


@dataclass(frozen=True)
class Endpoint:
    """Where a platform answers, and the certificate authority that vouches for it (None: the system's).

    ``fsid`` is the cluster's own identity where it is known: it tells whether two things live on one platform.
    """

    url: str
    region: str = "default"
    ca_file: Path | None = None
    fsid: str | None = None


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


class QuotaExceededError(RemoteError):
    """The wall is reached: the platform takes no more bytes of this tenant, not even orders and reports."""


class Bucket(Protocol):
    """One machine's bucket, opened with one key; every call is made with that key's rights."""

    @property
    def name(self) -> str: ...

    def current_bytes(self) -> int:
        """Sum the current objects by listing them: what the sold quota counts."""

    def list_objects(self, prefix: str) -> Sequence[ObjectFacts]: ...

    def find_newest(self, prefix: str) -> ObjectFacts | None:
        """Return the object last written under a prefix by the server's clock, never by its name."""

    def find(self, key: str) -> bytes | None: ...

    def exists(self, key: str) -> bool: ...

    def put(self, key: str, body: bytes) -> None:
        """Write an object; raises QuotaExceededError at the wall."""

    def is_gate_closed(self) -> bool: ...

    def set_gate(self, closed: bool) -> bool:
        """Close or open the gate; True when that changed something. May run twice."""

    def probe_server_time(self) -> datetime:
        """Return the server's clock as of one signed request."""


class Storage(Protocol):
    """One platform, seen with its administrator's rights."""

    @property
    def endpoint(self) -> Endpoint: ...

    def find_owner(self, uid: str, exact: bool = True) -> OwnerFacts | None:
        """Return what a user owns and uses; ``exact`` has the platform count first, else figures may lag."""

    def open_bucket(self, name: str, key: AccessKey) -> Bucket: ...

    def stored_bytes(self, bucket: str) -> int:
        """Return what a bucket holds in all: every version and unfinished uploads, which the wall counts."""

    def list_users(self, prefix: str) -> Sequence[str]: ...

    def raised_wall(self, uid: str, extra_bytes: int) -> AbstractContextManager[None]:
        """Make room of ``extra_bytes`` above use or wall, whichever is larger, for the time of the block."""
