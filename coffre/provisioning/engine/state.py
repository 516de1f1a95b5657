"""Pulumi's `file://` backend on disk: stacks, their state, and the owners of their locks.

The layout is documented by Pulumi (`.pulumi/stacks/PROJECT/STACK.json`, `.pulumi/locks/organization/PROJECT/STACK/`).
"""

import contextlib
import hashlib
import json
import socket
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from coffre.errors import ExpectedError
from coffre.spec import naming
from coffre.storage.platform import RecordedResource
from coffre.workspace import fence
from coffre.workspace.files import remove_paths, write_atomically

PROJECT = "coffre"
META = ".pulumi/meta.yaml"
"""Says that stacks are kept by project; Pulumi writes it into a new backend."""
_PULUMIS_OWN = "pulumi:"
"""The stack itself, and the providers of its resources."""

PROGRAM = "pulumi"
"""The kernel's name of a process that can have a lock."""

_UNREADABLE = (AttributeError, KeyError, OverflowError, RecursionError, TypeError, ValueError)
"""The exceptions of the readers below for a document that Pulumi did not write."""


class DamagedStateError(ExpectedError):
    """A stack's state cannot be read."""


@dataclass(frozen=True)
class StackState:
    """A stack's state; ``digest`` is the SHA-256 of its file."""

    resources: tuple[RecordedResource, ...]
    has_pending_operations: bool
    digest: str


@dataclass(frozen=True)
class StackLock:
    """The owner of a stack's lock: a process of some computer, since a time."""

    host: str
    pid: int
    since: datetime

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} since {self.since:%Y-%m-%d %H:%M:%S} UTC"


class StateFolder:
    """One `file://` backend; its paths are shown from ``root``."""

    def __init__(self, backend: str, root: Path = Path("/")) -> None:
        self.backend = backend
        self._root = root
        self._folder = Path(backend.removeprefix("file://")) / ".pulumi"

    @contextmanager
    def opened(self, stack: str) -> Iterator["StateFolder"]:  # noqa: ARG002 - Pulumi works on the folder itself
        yield self

    @contextmanager
    def reading(self, stack: str) -> Iterator["StateFolder"]:  # noqa: ARG002
        yield self

    def make(self) -> None:
        self._folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)

    def exists(self) -> bool:
        return (self._folder / "stacks" / PROJECT).is_dir()

    def list_stacks(self) -> list[str]:
        folder = self._folder / "stacks" / PROJECT
        if not folder.is_dir():
            return []
        return sorted(
            {path.name.split(".")[0] for path in folder.iterdir() if path.name.endswith((".json", ".json.gz"))}
        )

    def file_of(self, stack: str) -> Path:
        return self._folder / "stacks" / PROJECT / f"{stack}.json"

    def read(self, stack: str) -> StackState | None:
        """Return a stack's state, None when there is none; DamagedStateError for a document that is not Pulumi's."""
        text, path = self.read_text(stack), self.file_of(stack)
        if text is None:
            return None
        return read_state_of(text, damaged(stack, str(path), f"Move it aside (mv {path} {path}.damaged)"))

    def read_text(self, stack: str) -> bytes | None:
        """Return a stack's document as it is, None when there is none."""
        try:
            return self.file_of(stack).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, stack: str, text: bytes | None) -> None:
        """Write a stack's document from another place; None removes it."""
        path = self.file_of(stack)
        if text is None:
            path.unlink(missing_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomically(path, text, is_durable=False)
        # All stacks have this one in common: applies of several tenants write it at the same time.
        write_atomically(self._folder.parent / META, b"version: 1\n", is_durable=False, is_alone=False)

    def begin(self, stack: str) -> None:
        """Write the state of a stack without resources, as `pulumi stack init` does, unless the stack has one."""
        if not self.file_of(stack).exists():
            self.write(stack, empty_state(stack))

    def list_places(self, stack: str) -> list[str]:
        """Return all existing files and folders of a stack."""
        return [self._shown(path) for path in self.list_files(stack)]

    def remove(self, stack: str) -> list[str]:
        """Remove all files and folders of a stack; returns those that existed. May run twice."""
        fence.check()
        return [self._shown(path) for path in remove_paths(self.list_files(stack))]

    def _shown(self, path: Path) -> str:
        return str(path.relative_to(self._root)) if path.is_relative_to(self._root) else str(path)

    def list_files(self, stack: str) -> list[Path]:
        """Return all files of a stack in this folder: state with its spare copies, history, backups and locks."""
        stacks = self._folder / "stacks" / PROJECT
        # A stack's name has no dot, so no other stack's files start like these.
        files = sorted(stacks.glob(f"{stack}.*")) if stacks.is_dir() else []
        folders = [self._folder / kind / PROJECT / stack for kind in ("history", "backups")]
        folders.append(self._folder / "locks" / "organization" / PROJECT / stack)
        return [*files, *(path for path in folders if path.exists())]

    def find_urns(self, stack: str, names: Collection[str]) -> list[str]:
        """Return the URNs of a stack's resources by their names."""
        return find_urns(self.read(stack), names)

    def list_locks(self, stack: str) -> list[StackLock]:
        """Return the locks on a stack; an unreadable lock is returned with an unknown owner."""
        folder = self._folder / "locks" / "organization" / PROJECT / stack
        if not folder.is_dir():
            return []
        found = []
        for path in sorted(folder.glob("*.json")):
            try:
                found.append(read_lock(path.read_bytes()))
            except FileNotFoundError:
                continue  # released meanwhile
            except _UNREADABLE:
                found.append(StackLock("an unknown computer", 0, datetime.fromtimestamp(0, UTC)))
        return found

    def mend(self, stack: str) -> None:
        """Restore the state before the last run where that run has damaged it, as Pulumi does on a full disk.

        It only renames, which needs no room; the damaged file stays beside. The next run adopts what that run created.
        """
        with contextlib.suppress(DamagedStateError):
            self.read(stack)
            return
        path = self.file_of(stack)
        spare = path.with_name(f"{path.name}.bak")
        path.replace(path.with_name(f"{path.name}.torn"))
        with contextlib.suppress(OSError, *_UNREADABLE):
            read_state(spare.read_bytes())
            spare.replace(path)

    def remove_torn_attributes(self, stack: str) -> None:
        """Remove unreadable files of attributes beside a stack's state: Pulumi fails on one that a kill has left empty.

        They have only the type and the checksum of the file beside, and Pulumi does without.
        """
        for path in (self._folder / "stacks" / PROJECT).glob(f"{stack}.json*.attrs"):
            with contextlib.suppress(FileNotFoundError):
                try:
                    json.loads(path.read_bytes())
                except _UNREADABLE:
                    path.unlink()

    def list_torn_locks(self, stack: str) -> list[Path]:
        """Return the locks that Pulumi began to write and could not, for example on a full disk: it fails on them."""
        folder = self._folder / "locks" / "organization" / PROJECT / stack
        return sorted(folder.glob("*.tmp")) if folder.is_dir() else []


def find_urns(state: StackState | None, names: Collection[str]) -> list[str]:
    """Return the URNs of a state's resources by their names. Pure."""
    return [each.urn for each in (state.resources if state else ()) if each.urn.rsplit("::", 1)[-1] in names]


def damaged(stack: str, place: str, advice: str) -> DamagedStateError:
    """Return the error of a state that cannot be read; ``advice`` is how to move it aside. Pure."""
    return DamagedStateError(
        f"the state of {stack} is damaged: {place}",
        f"{advice} and run `coffre apply {naming.slug_of_stack(stack)}`: it adopts what exists on the platform, with "
        "the same keys, and creates nothing twice.",
    )


def read_state_of(text: bytes, problem: DamagedStateError) -> StackState:
    """Read a stack's document; ``problem`` when Pulumi did not write it. Pure."""
    try:
        return read_state(text)
    except _UNREADABLE:
        raise problem from None


def is_readable(text: bytes) -> bool:
    """Tell whether a document is one of Pulumi's. Pure."""
    try:
        read_state(text)
    except _UNREADABLE:
        return False
    return True


def read_state(text: bytes) -> StackState:
    """Read Pulumi's checkpoint document (version 3). Pure; one of `_UNREADABLE` for anything else."""
    latest = json.loads(text)["checkpoint"]["latest"] or {}
    resources = [
        RecordedResource(each["urn"], each["type"], each["id"], each.get("inputs") or {}, each.get("outputs") or {})
        for each in latest.get("resources") or []
        if each.get("custom") and not each["type"].startswith(_PULUMIS_OWN) and not each.get("delete")
    ]
    return StackState(tuple(resources), bool(latest.get("pending_operations")), hashlib.sha256(text).hexdigest())


def empty_state(stack: str) -> bytes:
    """Return the document of a stack before its first update, which adds the salt of its secrets. Pure."""
    checkpoint = {"stack": f"organization/{PROJECT}/{stack}", "latest": None}
    return json.dumps({"version": 3, "checkpoint": checkpoint}).encode()


def read_lock(text: bytes) -> StackLock:
    """Read one lock document. Pure; one of `_UNREADABLE` for anything else."""
    fields = json.loads(text)
    since = datetime.fromisoformat(str(fields["timestamp"])).astimezone(UTC)
    return StackLock(str(fields["hostname"]), int(fields["pid"]), since)


def is_owner_gone(lock: StackLock, host: str, program: str | None) -> bool:
    """Tell whether the process that took a lock has certainly ended. Pure.

    ``host`` is this computer, ``program`` the program that has the lock's process id there now (None: none). For
    another computer this is unknown; a process that is not Pulumi has only the same number.
    """
    return lock.host == host and program != PROGRAM


def has_owner(lock: StackLock) -> bool:
    """Tell whether a lock's process may still be running."""
    return not is_owner_gone(lock, socket.gethostname(), _program_of(lock.pid))


def _program_of(pid: int) -> str | None:
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    fields = dict(line.split(":\t", 1) for line in status if ":\t" in line)
    # A zombie has ended and only waits for its parent.
    return None if fields.get("State", "Z")[:1] in "ZX" else fields.get("Name")
