"""The two places of the bundles, each a folder or a bucket: their file names, their rules and their locks."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from coffre.errors import InvalidFileError
from coffre.secrets import files
from coffre.secrets.holders.keys import RECIPIENTS_FILE
from coffre.workspace.file_store import FileStore, FolderStore

BUNDLE_SUFFIX = ".age"

LockShared = Callable[[str, float], AbstractContextManager[None]]
"""Holds the lock of a name between all computers that share a bucket, waiting for so many seconds; BusyError."""


@dataclass(frozen=True)
class Places:
    """The place of the bundles and its escrow.

    ``lock_shared`` is needed where one of them is a bucket, which has no locks.
    """

    primary: FileStore
    escrow: FileStore
    lock_shared: LockShared | None = None

    @classmethod
    def open(
        cls, primary: FileStore | Path, escrow: FileStore | Path, root: Path, lock_shared: LockShared | None = None
    ) -> "Places":
        """Return two places; folders are shown from ``root``. InvalidFileError when they are not apart."""
        first, second = (FolderStore(each, root) if isinstance(each, Path) else each for each in (primary, escrow))
        found = cls(first, second, lock_shared)
        found.check_apart()
        return found

    @property
    def both(self) -> tuple[FileStore, FileStore]:
        return self.primary, self.escrow

    @property
    def has_escrow(self) -> bool:
        """Whether the escrow is one: its own list of recipients tells it from an empty mount point."""
        return self.escrow.read(RECIPIENTS_FILE) is not None

    @property
    def is_apart(self) -> bool:
        """Whether the two places are on different file systems, or services."""
        return self.primary.find_medium() != self.escrow.find_medium()

    def check_apart(self) -> None:
        """Refuse equal or nested places: one accident would destroy both copies."""
        if isinstance(self.primary, FolderStore) and isinstance(self.escrow, FolderStore):
            primary, escrow = self.primary.folder.resolve(), self.escrow.folder.resolve()
            is_same = primary.is_relative_to(escrow) or escrow.is_relative_to(primary)
        else:
            is_same = self.primary.shown() == self.escrow.shown()
        if is_same:
            raise InvalidFileError(
                f"platform.yaml: secrets ({self.primary.shown()}) and escrow ({self.escrow.shown()}) "
                "are the same place",
                "Give the escrow a folder of its own, best on another site.",
            )

    @contextmanager
    def locked(self, name: str, wait_seconds: float) -> Iterator[None]:
        """Hold the lock of a name in both places: two computers may share only the escrow."""
        with ExitStack() as held:
            if not all(isinstance(place, FolderStore) for place in self.both):
                assert self.lock_shared is not None  # noqa: S101 - who opens a bucket gives it
                held.enter_context(self.lock_shared(name, wait_seconds))
            for place, what in ((self.primary, ""), (self.escrow, " (escrow)")):
                if isinstance(place, FolderStore):
                    lock = place.folder / lock_name(name)
                    held.enter_context(files.locked(lock, f"{place.shown()}{what}", wait_seconds))
            yield


def lock_name(name: str) -> str:
    """Return the name of a lock's file in a folder."""
    return f".{name}.lock"


def list_bundles(store: FileStore) -> list[str]:
    """Return the file names of all bundles in one of the two places."""
    names = store.list_names()
    return [name for name in names if name.endswith(BUNDLE_SUFFIX) and not name.startswith(".") and "/" not in name]
