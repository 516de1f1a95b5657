"""Where the states of all stacks are kept: in a folder, or in a bucket that a team shares.

Pulumi itself always works on a folder of this computer. For a bucket, the state is brought there before a run and saved
after it, under the tenant's lock: so Pulumi needs neither a network nor the bucket's key, and a write is refused when
another one came between. A run that is killed before its state is saved loses only the record of what it did, as any
killed run: the next one adopts it, or on this computer goes on with what was not saved.
"""

import contextlib
import hashlib
import tempfile
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from coffre.outside.environment import temporary_folder
from coffre.provisioning.engine.state import (
    META,
    PROJECT,
    DamagedStateError,
    StackLock,
    StackState,
    StateFolder,
    damaged,
    find_urns,
    is_readable,
    read_state_of,
)
from coffre.workspace.file_store import FileStore
from coffre.workspace.files import write_atomically

_STACKS = f".pulumi/stacks/{PROJECT}/"


class StackStates(Protocol):
    """The states of all stacks."""

    def exists(self) -> bool:
        """Tell whether there is a place with states; a folder is one computer's own, and may be on another."""

    def list_stacks(self) -> list[str]: ...

    def read(self, stack: str) -> StackState | None:
        """Return a stack's state, None when there is none; DamagedStateError for a document that is not Pulumi's."""

    def find_urns(self, stack: str, names: Collection[str]) -> list[str]:
        """Return the URNs of a stack's resources by their names."""

    def opened(self, stack: str) -> AbstractContextManager[StateFolder]:
        """Give the folder in which Pulumi changes a stack; its state is saved at the end, also of a failed run.

        The caller has the tenant's lock.
        """

    def reading(self, stack: str) -> AbstractContextManager[StateFolder]:
        """Give a folder with a stack's state, for a run that does not change it."""

    def list_locks(self, stack: str) -> list[StackLock]:
        """Return Pulumi's own locks on a stack."""

    def list_places(self, stack: str) -> list[str]:
        """Return all files and folders of a stack, in a readable form."""

    def remove(self, stack: str) -> list[str]:
        """Remove all files and folders of a stack; returns those that existed. May run twice."""


class BucketStates:
    """States in a store that several computers share, in Pulumi's own layout; ``work`` has a folder for each stack."""

    def __init__(self, store: FileStore, work: Path) -> None:
        self._store = store
        self._work = work

    def exists(self) -> bool:
        return True

    def list_stacks(self) -> list[str]:
        names = (name.removeprefix(_STACKS) for name in self._store.list_names(_STACKS))
        return sorted({name.removesuffix(".json") for name in names if name.endswith(".json")})

    def read(self, stack: str) -> StackState | None:
        text = self._store.read(_name(stack))
        return None if text is None else read_state_of(text, self._damaged(stack))

    def read_text(self, stack: str) -> bytes | None:
        """Return a stack's document as it is, None when there is none."""
        return self._store.read(_name(stack))

    def write(self, stack: str, text: bytes) -> None:
        """Write a stack's document; refused when another one came since it was read."""
        if self._store.read(META) is None:
            self._store.write(META, b"version: 1\n")
        self._store.write(_name(stack), text)

    def place(self, stack: str) -> str:
        """Return where a stack's document is, for messages."""
        return self._store.shown(_name(stack))

    def find_urns(self, stack: str, names: Collection[str]) -> list[str]:
        return find_urns(self.read(stack), names)

    @contextmanager
    def opened(self, stack: str) -> Iterator[StateFolder]:
        folder = self._folder(stack)
        folder.make()
        self._bring(stack, folder)
        try:
            yield folder
        finally:
            self._save(stack, folder)

    @contextmanager
    def reading(self, stack: str) -> Iterator[StateFolder]:
        with tempfile.TemporaryDirectory(prefix="coffre-state-", dir=temporary_folder()) as temporary:
            folder = StateFolder(f"file://{temporary}")
            text = self._store.read(_name(stack))
            if text is not None:
                folder.write(stack, text)
            yield folder

    def list_locks(self, stack: str) -> list[StackLock]:
        return self._folder(stack).list_locks(stack)

    def list_places(self, stack: str) -> list[str]:
        return [self._store.shown(name) for name in self._list_names(stack)]

    def remove(self, stack: str) -> list[str]:
        names = self._list_names(stack)
        for name in names:
            self._store.delete(name)
        return [self._store.shown(name) for name in names]

    def _list_names(self, stack: str) -> list[str]:
        # A stack's name has no dot, so no other stack's files start like these.
        return self._store.list_names(f"{_STACKS}{stack}.")

    def _folder(self, stack: str) -> StateFolder:
        return StateFolder(f"file://{self._work / stack / 'state'}")

    def _origin(self, stack: str) -> Path:
        """Return the note of the state that the folder's own one follows: its SHA-256."""
        return self._work / stack / "state" / "origin"

    def _bring(self, stack: str, folder: StateFolder) -> None:
        shared, own = self._store.read(_name(stack)), folder.read_text(stack)
        if shared is not None:
            read_state_of(shared, self._damaged(stack))
        is_unsaved = (
            own is not None
            and is_readable(own)
            and _digest(own) != self._read_origin(stack)
            and _digest(shared) == self._read_origin(stack)
        )
        if is_unsaved:
            return  # a run of this computer was killed before it saved this, and nobody has changed it since
        folder.write(stack, shared)
        self._write_origin(stack, shared)

    def _save(self, stack: str, folder: StateFolder) -> None:
        own = folder.read_text(stack)
        if own is None or _digest(own) == self._read_origin(stack):
            return
        if not is_readable(own):
            raise damaged(stack, path := str(folder.file_of(stack)), f"Remove it (rm {path})")
        self.write(stack, own)
        self._write_origin(stack, own)

    def _damaged(self, stack: str) -> DamagedStateError:
        place = self._store.shown(_name(stack))
        return damaged(stack, place, f"Move it aside in the bucket (to {place}.damaged)")

    def _read_origin(self, stack: str) -> str | None:
        with contextlib.suppress(FileNotFoundError, UnicodeDecodeError):
            return self._origin(stack).read_text(encoding="utf-8")
        return None

    def _write_origin(self, stack: str, text: bytes | None) -> None:
        write_atomically(self._origin(stack), _digest(text).encode(), is_durable=False)


def _name(stack: str) -> str:
    return f"{_STACKS}{stack}.json"


def _digest(text: bytes | None) -> str:
    return "" if text is None else hashlib.sha256(text).hexdigest()
