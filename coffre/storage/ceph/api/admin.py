"""A client of the Admin Ops API: users, keys, the user's quota, buckets and their content."""

import base64
import hashlib
import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from coffre.storage.ceph.api.admin_http import AdminHttp
from coffre.storage.ceph.api.faults import ConcurrentWriteError, NoSuchUserError
from coffre.storage.s3.answers import Progress, count, reading, whole, word
from coffre.storage.s3.faults import NoSuchBucketError, NoSuchKeyError, S3Error
from coffre.storage.survey import SurveyedUser
from coffre.storage.values import AccessKey, Endpoint

T = TypeVar("T")

# Concurrent writes on one user get 500 and write nothing (measured): about 6 s in total.
_ATTEMPTS = 8
_FIRST_WAIT_SECONDS = 0.05
_PAGE = 1000

_KEY_OF_NOBODY = (
    "AccessDenied",
    "InvalidArgument",
    "NoSuchUser",
    "NoSuchKey",
    "InvalidAccessKeyId",
    "InvalidAccessKey",
)
"""RGW's answers to the question which user has an unknown access key: 16 gives the first, 18 and 20 the second."""


@dataclass(frozen=True)
class AdminUser:
    """A user as the Admin API returns it; ``quota_bytes`` is None when its user_quota is not enforced.

    ``max_buckets``: -1 none allowed, 0 no limit (RGW's own numbers). ``bucket_quota_bytes`` is the enforced limit of
    each single bucket, None without one.
    """

    uid: str
    display_name: str
    max_buckets: int
    suspended: bool
    quota_bytes: int | None
    keys: tuple[AccessKey, ...]
    bucket_quota_bytes: int | None = None


@dataclass(frozen=True)
class AdminUse:
    """What a user stores; ``counted_bytes`` is what its user_quota compares: each object in whole blocks of 4 KiB."""

    used_bytes: int
    counted_bytes: int


@dataclass(frozen=True)
class RgwBucket:
    """A bucket without a count of its content.

    ``instance`` changes when RGW re-shards the index, ``marker`` never changes. ``quota_bytes`` is the enforced limit
    of this bucket alone, None without one.
    """

    name: str
    owner: str
    instance: str
    marker: str
    quota_bytes: int | None


@dataclass(frozen=True)
class AdminBucket(RgwBucket):
    """A bucket as the Admin API returns it; ``stored_bytes`` counts all versions and unfinished parts.

    ``index_version`` changes when a version is written or deleted, and not with a delete marker (measured on 18): it
    digests the versions of all shards of its index. None when the release does not tell them.
    """

    stored_bytes: int
    object_count: int
    index_version: str | None = None


@dataclass(frozen=True)
class BucketRecord:
    """RGW's own record of a bucket: its flags (versioning is one), and its settings by name, as RGW keeps them.

    ``is_left``: RGW has moved the bucket to another record, and left this one.
    """

    bucket: RgwBucket
    flags: int
    settings: Mapping[str, bytes]
    is_left: bool


class AdminClient:
    """A small client of one platform's Admin Ops API; safe to use from many threads.

    Writes on one user wait for each other here, and are repeated after a conflict with another writer.
    """

    def __init__(self, endpoint: Endpoint, key: AccessKey, connections: AdminHttp | None = None) -> None:
        """``connections`` are shared with another client of the same platform and key."""
        self.endpoint = endpoint
        self._http = connections or AdminHttp(endpoint, key)
        self._locks: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)
        self._locks_guard = threading.Lock()

    def list_cluster_ids(self) -> list[str]:
        """Return the cluster's fsid (from Ceph 17 on) and its zone's id, as far as release and rights allow."""
        questions: tuple[tuple[str, dict[str, str], Callable[[Any], Any]], ...] = (
            ("/admin/info", {}, lambda answer: answer["info"]["storage_backends"][0]["cluster_id"]),
            ("/admin/config", {"type": "zone"}, lambda answer: answer["id"]),
        )
        found = []
        for path, parameters, read in questions:
            try:
                found.append(str(read(self._http.call("ask the cluster which it is", "GET", path, parameters))))
            except (KeyError, IndexError, TypeError):
                continue
            except S3Error as refusal:
                # A release without this call, or an administrator without `info=read` or `zone=read`.
                if refusal.code not in ("MethodNotAllowed", "AccessDenied", "NoSuchKey"):
                    raise
        return found

    def probe_server_time(self) -> datetime:
        """Return the gateway's clock as of one signed request."""
        doing = "ask the platform what time it is"
        return self._http.read_time(doing, "/admin/metadata/user", {"max-entries": 1, "format": "json"})

    def find_user(self, uid: str) -> AdminUser | None:
        try:
            return _user(self._get(f"read user {uid}", "/admin/user", uid=uid))
        except NoSuchUserError:
            return None

    def find_user_of_key(self, access_key_id: str) -> AdminUser | None:
        doing = f"find the user of access key {access_key_id}"
        try:
            return _user(self._get(doing, "/admin/user", **{"access-key": access_key_id}))
        except S3Error as refusal:
            if refusal.code not in _KEY_OF_NOBODY:
                raise
            # When the platform refuses the administrator's own key, it refuses this second question as well.
            self.find_user(access_key_id)
            return None

    def create_user(self, uid: str, display_name: str, max_buckets: int) -> None:
        """Create a user without a key; raises UserAlreadyExistsError, also when the existing one is equal."""
        values = {"display-name": display_name, "max-buckets": max_buckets, "generate-key": False}
        self._write(uid, f"create user {uid}", "PUT", "/admin/user", values)

    def modify_user(self, uid: str, display_name: str, max_buckets: int) -> None:
        values = {"display-name": display_name, "max-buckets": max_buckets}
        self._write(uid, f"modify user {uid}", "POST", "/admin/user", values)

    def suspend_user(self, uid: str, suspended: bool) -> None:
        """Suspend or enable a user: at once and on every gateway; the user keeps keys, quota and buckets."""
        self._write(uid, f"suspend user {uid}", "POST", "/admin/user", {"suspended": suspended})

    def delete_user(self, uid: str) -> None:
        """Delete a user that owns no bucket; RGW calls the refusal BucketAlreadyExists. Never purges data."""
        self._write(uid, f"delete user {uid}", "DELETE", "/admin/user", {})

    def put_key(self, uid: str, key: AccessKey) -> None:
        """Give a user a key, or change the secret of that key; raises KeyExistsError when another user has it."""
        values = {
            "key": "",
            "access-key": key.access_key_id,
            "secret-key": key.secret_access_key,
            "key-type": "s3",
            "generate-key": False,
        }
        self._write(uid, f"put access key {key.access_key_id} of user {uid}", "PUT", "/admin/user", values)

    def delete_key(self, uid: str, access_key_id: str) -> None:
        """Delete a key; raises UnknownKeyError when the user has no such key."""
        values = {"key": "", "access-key": access_key_id, "key-type": "s3"}
        self._write(uid, f"delete access key {access_key_id} of user {uid}", "DELETE", "/admin/user", values)

    def set_quota(self, uid: str, max_bytes: int | None) -> None:
        """Enforce a user_quota over all buckets of a user, or none; RGW cannot remove one, only disable it."""
        values = {
            "quota": "",
            "quota-type": "user",
            "enabled": max_bytes is not None,
            "max-size": -1 if max_bytes is None else max_bytes,
            "max-objects": -1,
        }
        self._write(uid, f"set the user_quota of {uid}", "PUT", "/admin/user", values)

    def clear_bucket_quotas(self, uid: str, bucket: str | None) -> None:
        """Enforce no limit on a bucket alone, or without one on each single bucket of a user."""
        values = {"quota": "", "enabled": False, "max-size": -1, "max-objects": -1}
        if bucket is None:
            doing, path, more = f"lift the bucket_quota of {uid}", "/admin/user", {"quota-type": "bucket"}
        else:
            doing, path, more = f"lift the quota of bucket {bucket}", "/admin/bucket", {"bucket": bucket}
        self._write(uid, doing, "PUT", path, {**values, **more})

    def used_bytes(self, uid: str, exact: bool) -> int:
        """Return the bytes that a user stores in all versions; without ``exact``, from RGW's last own count."""
        return self.read_use(uid, exact).used_bytes

    def read_use(self, uid: str, exact: bool) -> AdminUse:
        """Return what a user stores; without ``exact``, from RGW's last own count."""
        doing = f"read the use of user {uid}"
        try:
            answer = self._get(doing, "/admin/user", uid=uid, stats=True, sync=exact)
        except NoSuchKeyError:
            return AdminUse(0, 0)  # a user that never owned a bucket has no statistics
        with reading(doing):
            stats = answer.get("stats") or {}
            used_bytes = count(stats.get("size", 0))
            return AdminUse(used_bytes, max(used_bytes, count(stats.get("size_actual", 0))))

    def list_users_page(self, count: int, marker: str | None = None) -> tuple[list[str], str | None]:
        """Return one page of all uids, and the marker of the next one (None at the end)."""
        return self._list_metadata_page("list users", "user", count, marker)

    def list_users(self) -> list[str]:
        progress = Progress("list users")
        uids, marker = self.list_users_page(_PAGE)
        while marker is not None:
            progress.go_on(marker)
            page, marker = self.list_users_page(_PAGE, marker)
            uids += page
        return sorted(uids)

    def walk_bucket_instances(self) -> Iterator[str]:
        """Yield RGW's own record of every present or former bucket, as NAME:INSTANCE (without rgw_tenant)."""
        marker: str | None = None
        progress = Progress("list bucket records")
        while True:
            page, marker = self._list_metadata_page("list bucket records", "bucket.instance", _PAGE, marker)
            yield from page
            if marker is None:
                return
            progress.go_on(marker)

    def list_buckets(self, uid: str) -> list[str]:
        doing = f"list the buckets of user {uid}"
        try:
            answer = self._get(doing, "/admin/bucket", uid=uid)
        except NoSuchUserError:
            return []
        # From Ceph 20 on, an empty body is the answer for an unknown user; for an existing user it is invalid.
        if answer is None and self.find_user(uid) is None:
            return []
        with reading(doing):
            return sorted(word(name) for name in answer)

    def find_bucket(self, name: str) -> AdminBucket | None:
        try:
            answer = self._get(f"read bucket {name}", "/admin/bucket", bucket=name, stats=True)
        except NoSuchBucketError:
            return None
        with reading(f"read bucket {name}"):
            return _read_bucket(answer)

    def list_counted_buckets(self, uid: str) -> list[AdminBucket]:
        """Return every bucket of a user with its count, in one call; none when the user does not exist."""
        doing = f"read the buckets of user {uid}"
        try:
            answer = self._get(doing, "/admin/bucket", uid=uid, stats=True)
        except NoSuchUserError:
            return []
        with reading(doing):
            return [_read_bucket(each) for each in answer or []]

    def find_bucket_record(self, name: str, instance: str) -> BucketRecord | None:
        """Return RGW's own record of a bucket; None when that instance does not exist."""
        doing = f"read the record of bucket {name}"
        try:
            answer = self._get(doing, "/admin/metadata/bucket.instance", key=f"{name}:{instance}")
        except (NoSuchBucketError, NoSuchKeyError):
            return None
        with reading(doing):
            data, info = answer["data"], answer["data"]["bucket_info"]
            settings = {word(each["key"]): base64.b64decode(each["val"]) for each in data["attrs"]}
            return BucketRecord(
                _read_info(info), whole(info["flags"]), settings, bool(info.get("new_bucket_instance_id"))
            )

    def _list_metadata_page(
        self, doing: str, section: str, count: int, marker: str | None
    ) -> tuple[list[str], str | None]:
        values: dict[str, str | int | bool | None] = {"max-entries": count, "marker": marker}
        answer = self._http.call(doing, "GET", f"/admin/metadata/{section}", values)
        with reading(doing):
            if isinstance(answer, list):
                return [word(name) for name in answer], None
            marker = answer.get("marker") if answer.get("truncated") else None
            return [word(name) for name in answer["keys"]], None if marker is None else word(marker)

    def _get(self, doing: str, path: str, **parameters: str | int | bool | None) -> Any:
        return self._http.call(doing, "GET", path, parameters)

    def _write(self, uid: str, doing: str, method: str, path: str, values: dict[str, Any]) -> None:
        with self._lock_of(uid):
            _repeated(lambda: self._http.call(doing, method, path, {"uid": uid, **values}))

    def _lock_of(self, uid: str) -> threading.RLock:
        with self._locks_guard:
            return self._locks[uid]


def _repeated(call: Callable[[], T]) -> T:
    for attempt in range(_ATTEMPTS - 1):
        try:
            return call()
        except ConcurrentWriteError:
            time.sleep(_FIRST_WAIT_SECONDS * 2**attempt * random.uniform(0.5, 1.0))  # noqa: S311 -- spreads rivals
    return call()


def _read_bucket(answer: dict[str, Any]) -> AdminBucket:
    usage = (answer.get("usage") or {}).values()
    return AdminBucket(
        name=word(answer["bucket"]),
        owner=word(answer["owner"]),
        instance=word(answer["id"]),
        marker=word(answer["marker"]),
        quota_bytes=_read_quota(answer.get("bucket_quota") or {}),
        stored_bytes=sum(count(part.get("size", 0)) for part in usage),
        object_count=sum(count(part.get("num_objects", 0)) for part in usage),
        index_version=_digest(answer.get("ver")),
    )


def _read_info(info: dict[str, Any]) -> RgwBucket:
    """Read a bucket from its record, where the Admin API uses other names."""
    bucket = info["bucket"]
    return RgwBucket(
        name=word(bucket["name"]),
        owner=word(info["owner"]),
        instance=word(bucket["bucket_id"]),
        marker=word(bucket["marker"]),
        quota_bytes=_read_quota(info.get("quota") or {}),
    )


def _digest(versions: object) -> str | None:
    """Return a digest of the versions of all shards of an index, a text that grows with the shards."""
    return hashlib.sha256(versions.encode()).hexdigest()[:16] if isinstance(versions, str) and versions else None


def _read_quota(quota: Mapping[str, Any]) -> int | None:
    return whole(quota["max_size"]) if quota.get("enabled") else None


def survey_user(user: AdminUser) -> SurveyedUser:
    """Return what is looked at of a user of a tenant. Pure."""
    keys = tuple(key.access_key_id for key in user.keys)
    return SurveyedUser(user.uid, user.suspended, keys, user.bucket_quota_bytes)


def _user(answer: dict[str, Any]) -> AdminUser:
    with reading("read a user"):
        return _read_user(answer)


def _read_user(answer: dict[str, Any]) -> AdminUser:
    uid = word(answer["user_id"])
    return AdminUser(
        uid=uid,
        display_name=word(answer["display_name"]),
        max_buckets=whole(answer["max_buckets"]),
        suspended=bool(answer["suspended"]),
        quota_bytes=_read_quota(answer.get("user_quota") or {}),
        bucket_quota_bytes=_read_quota(answer.get("bucket_quota") or {}),
        # The user of a subuser's key is "uid:subuser".
        keys=tuple(
            AccessKey(word(each["access_key"]), word(each["secret_key"]))
            for each in answer.get("keys", [])
            if each["user"] == uid
        ),
    )
