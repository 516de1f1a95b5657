"""A storage platform in memory: Storage, Bucket and BucketEraser of the driver, tested by the contract of real ones."""

import hashlib
import itertools
import secrets
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from coffre.errors import RemoteError
from coffre.outside.faults import Fault
from coffre.storage.ending import OwnerEraser
from coffre.storage.platform import KeyOrigin
from coffre.storage.survey import SurveyedUser
from coffre.storage.values import (
    AccessKey,
    BucketFacts,
    BucketGoneError,
    BucketHoldsSomethingError,
    Contents,
    DailyFigure,
    Endpoint,
    ObjectFacts,
    ObjectLock,
    ObjectVersion,
    OwnerFacts,
    Publication,
    QuotaExceededError,
    RefusedDelete,
    SharedUpload,
    Unusable,
    Upload,
)

MOST_GIVEN_KEYS = 2
"""The maximum number of keys of a user where the platform creates them, as on AWS."""
EARLY = datetime(2026, 1, 5, 8, tzinfo=UTC)


@dataclass
class _Version:
    facts: ObjectVersion
    content: bytes = b""


@dataclass
class _User:
    keys: dict[str, str] = field(default_factory=dict)
    wall_bytes: int | None = None
    suspended: bool = False
    bucket_quota_bytes: int | None = None


@dataclass
class _State:
    """One bucket: its versions, newest last, its switches, and the days after which earlier versions expire."""

    owner: str
    lifetime_id: str
    tenant_id: str | None = None
    versions: list[_Version] = field(default_factory=list)
    expiry_days: dict[str, int] = field(default_factory=dict)
    switches: set[str] = field(default_factory=set)
    bucket_quota_bytes: int | None = None

    @property
    def stored_bytes(self) -> int:
        return sum(len(each.content) for each in self.versions)


class MemoryPlatform:
    """One platform; its clock advances by one second with each write, and never on its own.

    ``keys`` tells whether a user gets the keys that Coffre chooses, or at most two that the platform creates.
    """

    def __init__(
        self, url: str = "https://memory.invalid", keys: KeyOrigin = KeyOrigin.CHOSEN, platform_id: str = "memory"
    ) -> None:
        self.key_origin = keys
        self.endpoint = Endpoint(url, platform_id=platform_id)
        self.now = EARLY
        self._users: dict[str, _User] = {}
        self._buckets: dict[str, _State] = {}
        self._programs: dict[str, bytes] = {}
        self._numbers = itertools.count(1)

    # What a test creates.

    def make_user(self, uid: str, key: AccessKey, wall_bytes: int | None = None) -> None:
        self._users[uid] = _User({key.access_key_id: key.secret_access_key}, wall_bytes)

    def add_user(self, uid: str) -> None:
        """Create a user without a key, unless it exists."""
        self._users.setdefault(uid, _User())

    def set_bucket_quota(self, uid: str, bucket: str | None, quota_bytes: int) -> None:
        """Set a limit of one bucket alone, or of each single bucket of a user, as somebody would by hand."""
        holder = self._users[uid] if bucket is None else self._buckets[bucket]
        holder.bucket_quota_bytes = quota_bytes

    def set_wall(self, uid: str, wall_bytes: int | None) -> None:
        self._users[uid].wall_bytes = wall_bytes

    def make_bucket(self, name: str, owner: str, tenant_id: str | None = None, undelete_days: int = 14) -> None:
        lifetime_id = f"memory.{next(self._numbers)}"
        self._buckets[name] = _State(owner, lifetime_id, tenant_id, expiry_days={"all": undelete_days, "locks": 1})

    # What a test reads.

    def read_version(self, bucket: str, version_id: str) -> bytes:
        return next(each.content for each in self._buckets[bucket].versions if each.facts.version_id == version_id)

    # Users.

    def find_owner(self, uid: str, exact: bool = True) -> OwnerFacts | None:
        user = self._users.get(uid)
        if user is None:
            return None
        owned = self.list_owned_buckets(uid)
        return OwnerFacts(uid, user.wall_bytes, self._used_bytes(uid), user.suspended, tuple(owned))

    def list_users(self, prefix: str) -> list[str]:
        return sorted(uid for uid in self._users if uid.startswith(prefix))

    def survey_user(self, uid: str) -> SurveyedUser | None:
        user = self._users.get(uid)
        return None if user is None else SurveyedUser(uid, user.suspended, tuple(user.keys), user.bucket_quota_bytes)

    def lift_bucket_quota(self, uid: str, bucket: str | None) -> None:
        holder = self._users[uid] if bucket is None else self._buckets[bucket]
        holder.bucket_quota_bytes = None

    def list_key_ids(self, uid: str) -> list[str]:
        user = self._users.get(uid)
        return [] if user is None else list(user.keys)

    def add_key(self, uid: str, key: AccessKey) -> None:
        assert self.key_origin is KeyOrigin.CHOSEN, "keys of this platform cannot be chosen"
        self._users[uid].keys.setdefault(key.access_key_id, key.secret_access_key)

    def create_key(self, uid: str) -> AccessKey:
        assert self.key_origin is KeyOrigin.GIVEN, "this platform creates no keys"
        if uid not in self._users:
            raise RemoteError(f"there is no user {uid}")
        if len(self._users[uid].keys) >= MOST_GIVEN_KEYS:
            raise RemoteError(f"{uid} has {MOST_GIVEN_KEYS} access keys already")
        key = AccessKey(secrets.token_hex(10).upper(), secrets.token_urlsafe(30))
        self._users[uid].keys[key.access_key_id] = key.secret_access_key
        return key

    def delete_key(self, uid: str, access_key_id: str) -> None:
        if uid in self._users:
            self._users[uid].keys.pop(access_key_id, None)

    def suspend_user(self, uid: str, suspended: bool) -> bool:
        user = self._users.get(uid)
        if user is None and not suspended:
            raise RemoteError(f"there is no user {uid}")
        if user is None or user.suspended is suspended:
            return False
        user.suspended = suspended
        return True

    def delete_user(self, uid: str) -> None:
        self._users.pop(uid, None)

    def open_owner_eraser(self, uid: str) -> OwnerEraser | None:
        return None

    @contextmanager
    def extra_room(self, uid: str, extra_bytes: int) -> Iterator[None]:
        user = self._users[uid]
        before = user.wall_bytes
        if before is not None:
            user.wall_bytes = max(before, self._used_bytes(uid)) + extra_bytes
        try:
            yield
        finally:
            user.wall_bytes = before

    def lower_wall(self, uid: str, wall_bytes: int) -> bool:
        user = self._users[uid]
        if user.wall_bytes is None or user.wall_bytes <= wall_bytes:
            return False
        user.wall_bytes = wall_bytes
        return True

    # Buckets.

    def open_bucket(self, name: str, key: AccessKey) -> "MemoryBucket":
        return MemoryBucket(self, name, key)

    def open_eraser(self, name: str, key: AccessKey) -> "MemoryEraser":
        return MemoryEraser(self, name)

    def find_bucket(self, name: str) -> BucketFacts | None:
        state = self._buckets.get(name)
        if state is None:
            return None
        entries = sum(not each.facts.is_marker for each in state.versions)
        return BucketFacts(
            name,
            state.owner,
            f"{state.lifetime_id}.index",
            state.lifetime_id,
            entries,
            state.stored_bytes,
            state.bucket_quota_bytes,
            hashlib.sha256(" ".join(each.facts.version_id for each in state.versions).encode()).hexdigest(),
        )

    def list_bucket_facts(self, uid: str) -> Sequence[BucketFacts]:
        found = [self.find_bucket(name) for name in self.list_owned_buckets(uid)]
        return [each for each in found if each is not None]

    def list_owned_buckets(self, uid: str) -> list[str]:
        return sorted(name for name, state in self._buckets.items() if state.owner == uid)

    def stored_bytes(self, bucket: str) -> int:
        return self._buckets[bucket].stored_bytes if bucket in self._buckets else 0

    def find_daily_bytes(self, bucket: str) -> DailyFigure | None:
        return None

    # Its identity and its leftovers.

    def list_platform_ids(self) -> Collection[str]:
        return [self.endpoint.platform_id]

    def probe_server_time(self) -> datetime:
        return self.now

    keeps_bucket_records = True

    def list_leftovers(self, buckets: Collection[str]) -> list[str]:
        return [f"{name}:{state.lifetime_id}" for name, state in self._buckets.items() if name in buckets]

    def list_reachable_buckets(self, key: AccessKey) -> list[str]:
        return self.list_owned_buckets(self._user_of(key) or "")

    def accepts_key(self, bucket: str, key: AccessKey) -> bool:
        return self._user_of(key) is not None

    # Programs.

    def publish_program(self, path: Path, sha256: str, *, proves: bool = False) -> Publication:
        content, standing = path.read_bytes(), self._programs.get(sha256)
        self._programs[sha256] = content
        if standing is None:
            return Publication.PUT
        return Publication.THERE if standing == content else Publication.REPLACED

    def share_program(self, sha256: str, seconds: int) -> str:
        return f"{self.endpoint.url}/programs/{sha256}"

    # What somebody without a key may do.

    def share_upload(self, bucket: str, key: AccessKey, object_key: str, size_bytes: int, seconds: int) -> SharedUpload:
        return SharedUpload(f"{self.endpoint.url}/{bucket}/{object_key}?signed", {"Content-Length": str(size_bytes)})

    def share_download(self, bucket: str, key: AccessKey, object_key: str, seconds: int) -> str:
        return f"{self.endpoint.url}/{bucket}/{object_key}?signed"

    def read_program_sha256(self, sha256: str, limit_bytes: int) -> str | None:
        content = self._programs.get(sha256)
        return None if content is None else hashlib.sha256(content[: limit_bytes + 1]).hexdigest()

    # Only for the buckets.

    def state_of(self, name: str) -> _State:
        if name not in self._buckets:
            raise BucketGoneError(f"there is no bucket {name}")
        return self._buckets[name]

    def drop(self, name: str) -> None:
        self._buckets.pop(name, None)

    def tick(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    def next_version_id(self) -> str:
        return f"v{next(self._numbers)}"

    def refuse_beyond_wall(self, owner: str, more_bytes: int) -> None:
        wall_bytes = self._users[owner].wall_bytes
        if wall_bytes is not None and self._used_bytes(owner) + more_bytes > wall_bytes:
            raise QuotaExceededError(f"the quota of {owner} is reached")

    def _used_bytes(self, uid: str) -> int:
        return sum(state.stored_bytes for state in self._buckets.values() if state.owner == uid)

    def _user_of(self, key: AccessKey) -> str | None:
        for uid, user in self._users.items():
            if user.keys.get(key.access_key_id) == key.secret_access_key:
                return uid
        return None


class MemoryBucket:
    """One bucket; every key opens it with the owner's rights, but only a valid one where the platform creates keys."""

    def __init__(self, platform: MemoryPlatform, name: str, opened_with: AccessKey | None = None) -> None:
        self.name = name
        self.opened_with = opened_with
        self._platform = platform

    @property
    def _state(self) -> _State:
        key = self.opened_with
        if self._platform.key_origin is KeyOrigin.GIVEN and key and not self._platform.accepts_key(self.name, key):
            raise RemoteError(f"the platform refuses the key {key.access_key_id}")
        return self._platform.state_of(self.name)

    def _current(self) -> dict[str, _Version]:
        newest = {each.facts.key: each for each in self._state.versions}
        return {key: newest[key] for key in sorted(newest) if not newest[key].facts.is_marker}

    def current_bytes(self) -> int:
        return sum(len(each.content) for each in self._current().values())

    def list_objects(self, prefix: str) -> list[ObjectFacts]:
        return [
            ObjectFacts(key, len(each.content), each.facts.modified_at, each.facts.etag)
            for key, each in self._current().items()
            if key.startswith(prefix)
        ]

    def walk_objects(self, prefix: str) -> Iterator[ObjectFacts]:
        return iter(self.list_objects(prefix))

    def find_newest_at(self, prefix: str) -> datetime | None:
        return max((facts.modified_at for facts in self.list_objects(prefix)), default=None)

    def find(self, key: str, limit_bytes: int) -> bytes | Unusable | None:
        found = self._current().get(key)
        return None if found is None else _bounded(found.content, limit_bytes)

    def find_first(self, key: str, limit_bytes: int) -> bytes | Unusable | None:
        written = [each for each in self._state.versions if each.facts.key == key and not each.facts.is_marker]
        return _bounded(written[0].content, limit_bytes) if written else None

    def find_version(self, key: str, version_id: str, limit_bytes: int) -> bytes | Unusable | None:
        wanted = (key, version_id)
        found = [each for each in self._state.versions if (each.facts.key, each.facts.version_id) == wanted]
        return _bounded(found[0].content, limit_bytes) if found else None

    def read_sha256(self, key: str, limit_bytes: int) -> str | None:
        found = self._current().get(key)
        return None if found is None else hashlib.sha256(found.content[: limit_bytes + 1]).hexdigest()

    def exists(self, key: str) -> bool:
        return key in self._current()

    def put(self, key: str, body: bytes) -> None:
        self._platform.refuse_beyond_wall(self._state.owner, len(body))
        self._add(key, body, hashlib.md5(body, usedforsecurity=False).hexdigest())

    def hide(self, key: str) -> None:
        self._add(key, b"", "", is_marker=True)

    def restore_version(self, key: str, version_id: str) -> None:
        versions = self._state.versions
        found = next(each for each in versions if (each.facts.key, each.facts.version_id) == (key, version_id))
        self._platform.refuse_beyond_wall(self._state.owner, len(found.content))
        self._add(key, found.content, found.facts.etag)

    def copy(self, key: str, to: str) -> None:
        found = self._current()[key]
        self._platform.refuse_beyond_wall(self._state.owner, len(found.content))
        self._add(to, found.content, found.facts.etag)

    def walk_versions(self, prefix: str) -> Iterator[ObjectVersion]:
        return iter(self.list_versions(prefix))

    def list_versions(self, prefix: str) -> list[ObjectVersion]:
        newest = {each.facts.key: each.facts.version_id for each in self._state.versions}
        found = [
            replace(each.facts, is_latest=newest[each.facts.key] == each.facts.version_id)
            for each in reversed(self._state.versions)
            if each.facts.key.startswith(prefix)
        ]
        return sorted(found, key=lambda version: version.key)

    def count_contents(self) -> Contents:
        markers = sum(each.facts.is_marker for each in self._state.versions)
        return Contents(len(self._state.versions) - markers, markers)

    def is_gate_closed(self) -> bool:
        return "gate" in self._state.switches

    def set_gate(self, closed: bool) -> bool:
        return self._switch("gate", closed)

    def is_stopped(self) -> bool:
        return "stop" in self._state.switches

    def set_stop(self, stopped: bool) -> bool:
        return self._switch("stop", stopped)

    def is_suspended(self) -> bool:
        return "suspension" in self._state.switches

    def set_suspension(self, suspended: bool) -> bool:
        return self._switch("suspension", suspended)

    def list_expiry_rules(self) -> list[str]:
        return list(self._state.expiry_days)

    def undelete_days(self) -> int | None:
        return self._state.expiry_days.get("all")

    def clear_expiry_rules(self) -> None:
        self._state.expiry_days.clear()

    def probe_server_time(self) -> datetime:
        return self._platform.now

    def _switch(self, name: str, is_on: bool) -> bool:
        before = name in self._state.switches
        (self._state.switches.add if is_on else self._state.switches.discard)(name)
        return before is not is_on

    def _add(self, key: str, content: bytes, etag: str, *, is_marker: bool = False) -> None:
        facts = ObjectVersion(
            key,
            self._platform.next_version_id(),
            self._platform.tick(),
            is_latest=True,
            is_marker=is_marker,
            size_bytes=len(content),
            etag=etag,
        )
        self._state.versions.append(_Version(facts, content))


class MemoryEraser:
    """One bucket to be erased permanently."""

    def __init__(self, platform: MemoryPlatform, name: str) -> None:
        self.name = name
        self._platform = platform

    @property
    def _state(self) -> _State:
        return self._platform.state_of(self.name)

    def find_tenant_id(self) -> str | None:
        return self._state.tenant_id

    def walk_versions(self) -> Iterator[ObjectVersion]:
        return iter(MemoryBucket(self._platform, self.name).list_versions(""))

    def walk_uploads(self) -> Iterator[Upload]:
        return iter(())

    def upload_bytes(self, upload: Upload) -> int:
        return 0

    def delete_versions(self, versions: Sequence[ObjectVersion]) -> list[RefusedDelete]:
        gone = {(version.key, version.version_id) for version in versions}
        kept = [each for each in self._state.versions if (each.facts.key, each.facts.version_id) not in gone]
        self._state.versions[:] = kept
        return []

    def abort_upload(self, upload: Upload) -> None:
        """There are no uploads."""

    def find_lock(self, version: ObjectVersion) -> ObjectLock | None:
        return None

    def delete_bucket(self) -> None:
        if self._platform.find_bucket(self.name) is not None and self._state.versions:
            raise BucketHoldsSomethingError(f"bucket {self.name} is not empty")
        self._platform.drop(self.name)


def _bounded(content: bytes, limit_bytes: int) -> bytes | Unusable:
    return content if len(content) <= limit_bytes else Unusable(Fault.TOO_LARGE)
