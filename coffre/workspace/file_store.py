"""A store of small files by name: a folder of this computer, or (in `storage/s3`) a bucket that a team shares."""

from collections.abc import Hashable
from pathlib import Path
from typing import Protocol

from coffre.workspace import fence
from coffre.workspace.files import delete, make_private_folder, write_atomically


class FileStore(Protocol):
    """Small files by name; a name has no slash at its beginning, and may have others.

    OSError or RemoteError when the store cannot be used.
    """

    def shown(self, name: str = "") -> str:
        """Return a file's place for messages; without a name, that of the store."""

    def exists(self) -> bool:
        """Tell whether the store exists."""

    def find_medium(self) -> Hashable:
        """Return what two stores share that one accident would take: a file system, or a service."""

    def list_names(self, prefix: str = "") -> list[str]:
        """Return the names of all files that begin with the prefix, sorted; none without a store."""

    def read(self, name: str) -> bytes | None:
        """Return a file's content, None without one."""

    def write(self, name: str, content: bytes) -> None:
        """Write a file: the whole of it, or nothing; it is stored when this returns."""

    def delete(self, name: str) -> None:
        """Delete a file with every earlier version of it. May run twice."""

    def find_stamp(self, name: str) -> Hashable | None:
        """Return what changes whenever a file is written; None without one."""


class FolderStore:
    """A folder with private files. Its writers exclude each other by a lock of their own."""

    def __init__(self, folder: Path, root: Path) -> None:
        self.folder = folder
        self._root = root

    def shown(self, name: str = "") -> str:
        path = self.folder / name
        return str(path.relative_to(self._root)) if path.is_relative_to(self._root) else str(path)

    def exists(self) -> bool:
        return self.folder.is_dir()

    def find_medium(self) -> Hashable:
        return self.folder.stat().st_dev

    def list_names(self, prefix: str = "") -> list[str]:
        parent = self.folder / prefix.rpartition("/")[0]
        if not parent.is_dir():
            return []
        names = (str(path.relative_to(self.folder)) for path in parent.rglob("*") if path.is_file())
        return sorted(name for name in names if name.startswith(prefix))

    def read(self, name: str) -> bytes | None:
        try:
            return (self.folder / name).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        fence.check()
        path = self.folder / name
        if path.parent != self.folder:
            make_private_folder(path.parent)
        write_atomically(path, content)

    def delete(self, name: str) -> None:
        fence.check()
        path = self.folder / name
        if path.parent.is_dir():
            delete(path)

    def find_stamp(self, name: str) -> Hashable | None:
        try:
            found = (self.folder / name).stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size
