"""A kind of repository for tests: objects in the clear, in a bucket in memory or a folder, opened by their password.

It keeps restic's layout (`config`, `keys/`, `snapshots/`), so that whatever looks at a bucket finds what it looks for.
A snapshot is one object with all its entries, and its id is that object's SHA-256.
"""

import base64
import contextlib
import hashlib
import json
import os
import re
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from coffre.agents.pruning import PrunePlan, RepositoryLockedError
from coffre.agents.reach.ssh import SshMachine
from coffre.agents.repository import (
    LONG_SECONDS,
    QUICK_SECONDS,
    BucketStorage,
    IncompleteRestoreError,
    Node,
    OnFraction,
    Remains,
    RemoteRestore,
    RepositoryError,
    RestoreSummary,
    Snapshot,
    SnapshotList,
    Watcher,
    as_listed,
    password_of,
)
from coffre.agents.restic.repository.layout import ResticLayout
from coffre.agents.restic.repository.listing import Listing
from coffre.agents.restic.repository.output import read_snapshots
from coffre.storage.values import AccessKey
from tests.doubles.storage import MemoryPlatform

LIMIT_BYTES = 1 << 24
ListObjects = Callable[[], Mapping[str, bytes]]
"""Returns the objects of a repository by their names below `restic/`."""


@dataclass(frozen=True)
class Entry:
    """One entry of a snapshot: its path, its type, a file's content or a link's target."""

    path: str
    type: str = "file"
    content: bytes = b""

    @property
    def exact(self) -> bytes:
        return os.fsencode(self.path)


def write_snapshot(
    entries: Sequence[Entry],
    taken_at: datetime | str,
    *,
    host: str = "compta-01",
    path: str = "/home",
    tags: Sequence[str] = (),
) -> tuple[str, bytes]:
    """Return the name below `restic/` and the content of a snapshot of these entries."""
    fields = {
        "time": taken_at if isinstance(taken_at, str) else taken_at.isoformat(),
        "hostname": host,
        "paths": [path],
        "tags": list(tags),
        "entries": [
            {
                "path": base64.b64encode(each.exact).decode(),
                "type": each.type,
                "content": base64.b64encode(each.content).decode(),
            }
            for each in entries
        ],
    }
    content = json.dumps(fields).encode()
    return f"snapshots/{hashlib.sha256(content).hexdigest()}", content


class MemoryFormat:
    """The format of those repositories, in the buckets of a platform in memory; implements RepositoryFormat."""

    layout = ResticLayout()

    def __init__(self, platform: MemoryPlatform, *others: MemoryPlatform) -> None:
        self._platforms = {each.endpoint.url: each for each in (platform, *others)}

    def open(
        self,
        storage: BucketStorage,
        *,
        cache_dir: Path | None = None,
        look: Callable[[], Remains] | None = None,
    ) -> "MemoryRepository":
        key = AccessKey(storage.access_key_id, storage.secret_access_key.get_secret_value())
        platform = self._platforms[storage.endpoint_url]

        def list_objects() -> Mapping[str, bytes]:
            if not platform.accepts_key(storage.bucket, key):
                raise RepositoryError(f"the platform refuses the key {key.access_key_id}", was_refused=True)
            bucket, found = platform.open_bucket(storage.bucket, key), {}
            for facts in bucket.list_objects(ResticLayout.prefix):
                content = bucket.find(facts.key, LIMIT_BYTES)
                assert isinstance(content, bytes)
                found[facts.key.removeprefix(ResticLayout.prefix)] = content
            return found

        def hide(name: str) -> None:
            platform.open_bucket(storage.bucket, key).hide(f"{ResticLayout.prefix}{name}")

        return MemoryRepository(list_objects, password_of(storage), hide)

    def open_copy(self, folder: Path, password: SecretStr) -> "MemoryRepository":
        def list_objects() -> Mapping[str, bytes]:
            files = sorted(path for path in folder.rglob("*") if path.is_file())
            return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}

        return MemoryRepository(list_objects, password, lambda name: (folder / name).unlink())

    def make(self, password: SecretStr, now: datetime) -> Sequence[tuple[str, bytes]]:
        """Return the key file, then the config, like restic's format."""
        salt = os.urandom(16).hex()
        key = json.dumps({"salt": salt, "sha256": _digest_password(salt, password)}).encode()
        config = json.dumps({"id": os.urandom(16).hex(), "created_at": now.isoformat()}).encode()
        return (
            (f"{ResticLayout.prefix}keys/{hashlib.sha256(key).hexdigest()}", key),
            (f"{ResticLayout.prefix}config", config),
        )

    def list_programs(self) -> Mapping[str, Path]:
        return {}

    def look_at(self, machine: SshMachine) -> None:
        raise AssertionError("there is no machine to look at")

    def refuse_ours(self, path: str | None, machine: str) -> None:
        """Its agents have no files of their own."""

    def restore_on(self, machine: SshMachine, restore: RemoteRestore, watcher: Watcher) -> RestoreSummary:
        raise AssertionError("there is no machine to restore on")


class MemoryRepository:
    """One such repository; implements Repository."""

    def __init__(self, list_objects: ListObjects, password: SecretStr, hide: Callable[[str], None]) -> None:
        self._list_objects = list_objects
        self._password = password
        self._hide = hide

    def open(self) -> None:
        self._read()

    def snapshots(self, deadline_seconds: float = QUICK_SECONDS) -> list[Snapshot]:
        return list(self.list_snapshots(deadline_seconds).usable)

    def list_snapshots(self, deadline_seconds: float = QUICK_SECONDS) -> SnapshotList:
        objects = self._read()
        ids = [name.removeprefix("snapshots/") for name in objects if name.startswith("snapshots/")]
        return read_snapshots(json.dumps([{**_load(objects, each), "id": each} for each in ids]), datetime.now(UTC))

    def ls(self, snapshot: str) -> Iterator[Node]:
        return (node for node, _ in self.ls_bytes(snapshot))

    def ls_bytes(self, snapshot: str) -> Iterator[tuple[Node, bytes]]:
        listing = Listing(snapshot)
        entries = self._entries(snapshot)
        listing.read({"message_type": "snapshot"})
        for each in entries:
            path = as_listed(each.exact)
            size = len(each.content) if each.type == "file" else 0
            fields = {"name": path.rpartition("/")[2], "path": path, "type": each.type, "size": size}
            node = listing.read({"message_type": "node", **fields})
            assert node is not None
            yield node, each.exact
        listing.end()

    def check_snapshot(self, snapshot: str) -> None:
        for _ in self.ls(snapshot):
            continue

    def has_path(self, snapshot: str, path: str) -> bool:
        return os.fsencode(path) in [exact for _, exact in self.ls_bytes(snapshot)]

    def find_link(self, snapshot: str, path: str) -> str | None:
        links = [node.path for node in self.ls(snapshot) if node.type == "symlink"]
        return next((link for link in links if path.startswith(f"{link}/")), None)

    def restore(
        self, snapshot: str, target: Path, *, includes: Sequence[str] = (), on_progress: OnFraction | None = None
    ) -> RestoreSummary:
        self.check_snapshot(snapshot)
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        wanted = [each for each in self._entries(snapshot) if _is_wanted(each.path, includes)]
        restored_bytes = failed = 0
        for number, each in enumerate(wanted, 1):
            try:
                restored_bytes += _write(each, target)
            except OSError:
                failed += 1
            if on_progress is not None:
                on_progress(number / len(wanted))
        summary = RestoreSummary(len(wanted) - failed, restored_bytes)
        if failed:
            raise IncompleteRestoreError(RepositoryError(f"{failed} entries were refused"), summary, failed)
        return summary

    def compare(self, snapshot: str, target: Path, skipped: Collection[str] = ()) -> int:
        files = [each for each in self._entries(snapshot) if each.type == "file" and each.path not in skipped]
        return sum(len(each.content) for each in files if _read_file(_place(each, target)) != each.content)

    def dump(self, snapshot: str, path: bytes, deadline_seconds: float = LONG_SECONDS) -> Generator[bytes, None, None]:
        self.check_snapshot(snapshot)
        found = [each for each in self._entries(snapshot) if (each.exact, each.type) == (path, "file")]
        if not found:
            raise RepositoryError(f"snapshot {snapshot} has no such file")
        yield found[0].content

    def check(self, *, read_data: bool = False) -> None:
        for name, content in self._read().items():
            folder, _, digest = name.partition("/")
            if folder == "snapshots" and hashlib.sha256(content).hexdigest() != digest:
                raise RepositoryError(
                    f"the repository's file of snapshot {digest} is damaged", found_errors=True, damage="a snapshot"
                )

    def pruner(self) -> "MemoryPruner":
        return MemoryPruner(self._read, self._hide)

    def _entries(self, snapshot: str) -> list[Entry]:
        if re.fullmatch("[0-9a-f]{64}", snapshot) is None:
            raise RepositoryError(f"{snapshot[:80]!r} is not the full id of a snapshot")
        fields = _load(self._read(), snapshot)
        return [
            Entry(os.fsdecode(base64.b64decode(each["path"])), each["type"], base64.b64decode(each["content"]))
            for each in fields["entries"]
        ]

    def _read(self) -> Mapping[str, bytes]:
        """Return the objects once the password opens one of the keys."""
        objects = self._list_objects()
        if "config" not in objects:
            raise RepositoryError("there is no repository here")
        keys = [json.loads(content) for name, content in objects.items() if name.startswith("keys/")]
        if not any(key["sha256"] == _digest_password(key["salt"], self._password) for key in keys):
            raise RepositoryError("the repository password is wrong")
        return objects


class MemoryPruner:
    """Removes snapshots from such a repository, which are all that it has; implements RepositoryPruner.

    A lock is an object below `locks/`, whatever its content.
    """

    def __init__(self, read: ListObjects, hide: Callable[[str], None]) -> None:
        self._read_objects = read
        self._hide = hide

    def plan(self, snapshots: Sequence[str], most_repacked_bytes: int | None = None) -> PrunePlan:
        objects = self._read_objects()
        gone = sum(len(objects[f"snapshots/{each}"]) for each in snapshots)
        return PrunePlan(0, 0, gone, sum(len(each) for each in objects.values()) - gone, 0)

    def unlock(self) -> None:
        """There is no program whose lock could be abandoned."""

    def remove(self, snapshots: Sequence[str]) -> None:
        self._refuse_locked()
        for each in snapshots:
            if re.fullmatch("[0-9a-f]{64}", each) is None:
                raise RepositoryError(f"{each[:80]!r} is not the full id of a snapshot")
            if f"snapshots/{each}" in self._read_objects():
                self._hide(f"snapshots/{each}")

    def prune(self, most_repacked_bytes: int | None, deadline_seconds: float) -> None:
        self._refuse_locked()

    def _refuse_locked(self) -> None:
        if any(name.startswith("locks/") for name in self._read_objects()):
            raise RepositoryLockedError("the repository is locked by another program")


def _load(objects: Mapping[str, bytes], snapshot: str) -> dict[str, Any]:
    content = objects.get(f"snapshots/{snapshot}")
    if content is None:
        raise RepositoryError(f"there is no snapshot {snapshot}")
    try:
        fields: dict[str, Any] = json.loads(content)
    except ValueError:
        message = f"the repository's file of snapshot {snapshot} is damaged"
        raise RepositoryError(message, found_errors=True, damage="a snapshot") from None
    return fields


def _is_wanted(path: str, includes: Sequence[str]) -> bool:
    return not includes or any(path == each or path.startswith(f"{each}/") for each in includes)


def _place(each: Entry, target: Path) -> Path:
    return target / each.path.lstrip("/")


def _write(each: Entry, target: Path) -> int:
    """Create an entry and return the bytes written; what is there already as it should be stays."""
    place = _place(each, target)
    place.parent.mkdir(parents=True, exist_ok=True)
    if each.type == "dir":
        place.mkdir(exist_ok=True)
    elif each.type == "symlink":
        place.unlink(missing_ok=True)
        place.symlink_to(os.fsdecode(each.content))
    elif _read_file(place) != each.content:
        place.write_bytes(each.content)
        return len(each.content)
    return 0


def _read_file(place: Path) -> bytes | None:
    with contextlib.suppress(OSError):
        return place.read_bytes()
    return None


def _digest_password(salt: str, password: SecretStr) -> str:
    return hashlib.sha256(f"{salt}{password.get_secret_value()}".encode()).hexdigest()
