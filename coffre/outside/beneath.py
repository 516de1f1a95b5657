"""Reads and writes below a folder with foreign content: every access goes part by part and follows no link.

Paths are bytes, relative to the folder, without `.` and `..`. A path through a link raises NotADirectoryError, like a
path through a file; other errors raise OSError as usual.
"""

import errno
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from coffre.outside.files import NotPlainFileError

BLOCK_BYTES = 1024**2
_FOLDER = os.O_PATH | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class Beneath:
    """One such folder, held open; the path to the folder itself is the operator's, and may contain links."""

    def __init__(self, root: Path) -> None:
        self._root = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._at = (b"", self._root)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._hold(b"", self._root)
        os.close(self._root)

    def lstat(self, path: bytes) -> os.stat_result:
        folder, name = self._place(path)
        return os.stat(name, dir_fd=folder, follow_symlinks=False)

    def find(self, path: bytes) -> os.stat_result | None:
        """Return the status of a path; None when it does not or cannot exist (a part is no folder)."""
        try:
            return self.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            if error.errno in (errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL):
                return None
            raise

    def is_file(self, path: bytes) -> bool:
        facts = self.find(path)
        return facts is not None and stat.S_ISREG(facts.st_mode)

    def names(self, path: bytes) -> list[bytes]:
        """Return the names in a folder, in no order; the folder itself is b""."""
        descriptor = os.open(b".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._folder(path))
        try:
            return _list(descriptor)
        finally:
            os.close(descriptor)

    def walk(self, path: bytes = b"") -> Iterator[tuple[bytes, os.stat_result]]:
        """Yield everything below a folder with its status, a folder before its content; without recursion."""
        waiting = [path]
        while waiting:
            folder = waiting.pop()
            for name in sorted(self.names(folder)):
                below = folder + b"/" + name if folder else name
                facts = self.lstat(below)
                yield below, facts
                if stat.S_ISDIR(facts.st_mode):
                    waiting.append(below)

    def open_file(self, path: bytes) -> int:
        """Return a descriptor for reading a regular file; NotPlainFileError, without opening it, for anything else."""
        folder, name = self._place(path)
        facts = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if not stat.S_ISREG(facts.st_mode):
            raise NotPlainFileError(f"{os.fsdecode(path)} is not a plain file")
        descriptor = os.open(name, _FILE, dir_fd=folder)
        opened = os.fstat(descriptor)
        if (opened.st_dev, opened.st_ino) != (facts.st_dev, facts.st_ino):
            os.close(descriptor)
            raise NotPlainFileError(f"{os.fsdecode(path)} was replaced meanwhile")
        return descriptor

    def hash_file(self, path: bytes) -> tuple[str, int]:
        """Return the SHA-256 and the size of a regular file; a growing file is read up to its first size."""
        digest = hashlib.sha256()
        with os.fdopen(self.open_file(path), "rb", buffering=0) as file:
            left_bytes = size_bytes = os.fstat(file.fileno()).st_size
            while left_bytes > 0 and (block := file.read(min(BLOCK_BYTES, left_bytes))):
                digest.update(block)
                left_bytes -= len(block)
        return digest.hexdigest(), size_bytes - left_bytes

    def read_link(self, path: bytes) -> bytes:
        folder, name = self._place(path)
        return os.readlink(name, dir_fd=folder)

    def attributes(self, path: bytes) -> dict[str, bytes]:
        """Return the extended attributes of a path, of a link itself; empty where they are not possible."""
        folder, name = self._place(path)
        place = os.fsencode(f"/proc/self/fd/{folder}/") + name  # no other form of these calls accepts a descriptor
        try:
            names = os.listxattr(place, follow_symlinks=False)
        except OSError as error:
            if error.errno == errno.ENOTSUP:
                return {}
            raise
        return {each: os.getxattr(place, each, follow_symlinks=False) for each in names}

    def unlink(self, path: bytes) -> None:
        folder, name = self._place(path)
        os.unlink(name, dir_fd=folder)

    def remove_folder(self, path: bytes) -> None:
        """Remove an empty folder."""
        folder, name = self._place(path)
        os.rmdir(name, dir_fd=folder)
        self._hold(b"", self._root)  # it may be the cached one

    def create(self, path: bytes) -> int:
        """Return a descriptor for writing and reading a new file; FileExistsError when the path exists."""
        folder, name = self._place(path)
        return os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)

    def rename(self, source: bytes, target: bytes) -> None:
        """Move a file below the same folder; an existing file there is replaced."""
        from_folder, from_name = self._place(source)
        held = os.dup(from_folder)
        try:
            to_folder, to_name = self._place(target)
            os.rename(from_name, to_name, src_dir_fd=held, dst_dir_fd=to_folder)
        finally:
            os.close(held)
            self._hold(b"", self._root)  # the cached path may be another one now

    def make_folder(self, path: bytes) -> None:
        """Create a folder in an existing one; an existing folder is fine."""
        folder, name = self._place(path)
        try:
            os.mkdir(name, 0o777, dir_fd=folder)
        except FileExistsError:
            self._folder(path)

    def set_time(self, path: bytes, moment_ns: int) -> None:
        """Set the modification time of a path; the target of a link does not change."""
        folder, name = self._place(path)
        os.utime(name, ns=(moment_ns, moment_ns), dir_fd=folder, follow_symlinks=False)

    def add_mode(self, path: bytes, bits: int) -> None:
        """Add permissions to a file or folder; a link is not changed."""
        folder, name = self._place(path)
        add_mode(folder, name, bits)

    def _place(self, path: bytes) -> tuple[int, bytes]:
        """Return the parent folder of a path, and its name there."""
        parent, _, name = path.rpartition(b"/")
        if name in (b"", b".", b".."):
            raise NotADirectoryError(errno.ENOTDIR, "not a file name", os.fsdecode(path))
        return self._folder(parent), name

    def _folder(self, path: bytes) -> int:
        """Open the path to a folder; the last one is cached, since the next access is mostly beside it."""
        known, descriptor = self._at
        if path == known:
            return descriptor
        if known and path.startswith(known + b"/"):
            parts = path[len(known) + 1 :].split(b"/")
        else:
            descriptor, parts = self._root, path.split(b"/") if path else []
        opened = os.dup(descriptor)
        for part in parts:
            try:
                if part in (b"", b".", b".."):
                    raise NotADirectoryError(errno.ENOTDIR, "not a folder name", os.fsdecode(path))
                below = os.open(part, _FOLDER, dir_fd=opened)
            finally:
                os.close(opened)
            opened = below
        self._hold(path, opened)
        return opened

    def _hold(self, path: bytes, descriptor: int) -> None:
        if self._at[1] != self._root:
            os.close(self._at[1])
        self._at = (path, descriptor)


def add_mode(folder: int, name: bytes, bits: int) -> None:
    """Add permissions to an entry of an open folder; a link is not changed."""
    descriptor = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISLNK(mode) and mode & bits != bits:
            os.chmod(f"/proc/self/fd/{descriptor}", stat.S_IMODE(mode) | bits)  # noqa: PTH101
    finally:
        os.close(descriptor)


def remove(folder: Path) -> None:
    """Remove a folder with everything below it, at any depth; OSError names what stays. A missing folder is fine.

    An inner folder is moved up, then emptied like the first: descriptors and recursion do not grow with the depth.
    """
    try:
        top = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        _empty(top)
    finally:
        os.close(top)
    folder.rmdir()


def _empty(top: int) -> None:
    # A name that nothing below can have: it is random.
    token, moved, waiting = secrets.token_hex(8), 0, [b"."]
    while waiting:
        name = waiting.pop()
        here = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=top)
        try:
            for each in _list(here):
                if not stat.S_ISDIR(os.stat(each, dir_fd=here, follow_symlinks=False).st_mode):
                    os.unlink(each, dir_fd=here)
                    continue
                add_mode(here, each, stat.S_IRWXU)
                waiting.append(f".removed-{token}-{moved}".encode())
                os.rename(each, waiting[-1], src_dir_fd=here, dst_dir_fd=top)
                moved += 1
        finally:
            os.close(here)
        if name != b".":
            os.rmdir(name, dir_fd=top)


def _list(folder: int) -> list[bytes]:
    return [os.fsencode(each) for each in os.listdir(folder)]
