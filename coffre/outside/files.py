"""Opens foreign files safely: only plain files, not through a link, after a check of the size."""

import os
import stat
from pathlib import Path


class NotPlainFileError(OSError):
    """A link, a folder, a pipe or a device instead of a plain file."""


class TooLargeError(OSError):
    """A file that is larger than expected."""


def open_plain(path: Path | str, *, folder: int | None = None) -> int:
    """Return a descriptor for reading a plain file; the last part of the path must not be a link.

    ``folder`` is a descriptor as the start of a relative path. NotPlainFileError for anything else, OSError as usual.
    """
    # A pipe would wait for a writer without O_NONBLOCK.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    if stat.S_ISLNK(os.stat(path, dir_fd=folder, follow_symlinks=False).st_mode):
        raise NotPlainFileError(f"{path} is a link")
    descriptor = os.open(path, flags, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotPlainFileError(f"{path} is not a plain file")
    return descriptor


def read_plain(path: Path | str, limit_bytes: int, *, folder: int | None = None) -> bytes:
    """Return the bytes of a plain file, at most ``limit_bytes``; TooLargeError before anything is read, or as above."""
    with os.fdopen(open_plain(path, folder=folder), "rb") as file:
        if os.fstat(file.fileno()).st_size > limit_bytes:
            raise TooLargeError(f"{path} has more than {limit_bytes} bytes")
        content = file.read(limit_bytes + 1)
    if len(content) > limit_bytes:
        raise TooLargeError(f"{path} has more than {limit_bytes} bytes")
    return content
