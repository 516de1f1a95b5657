"""The file system as the secret store needs it: whole writes, locks between processes, and errors in plain words."""

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from coffre.errors import BusyError, ExpectedError

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700
_POLL_SECONDS = 0.05


def write_atomically(path: Path, content: bytes) -> None:
    """Put a whole file in place or none: temporary file beside it, fsync, rename, fsync of the folder.

    The caller holds the folder's lock, so one name for the temporary file is enough, and the next write
    clears what a killed one left.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, PRIVATE_FILE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        raise
    _sync_folder(path.parent)


def delete(path: Path) -> None:
    """Delete a file so that a crash cannot bring it back: fsync of the folder."""
    path.unlink(missing_ok=True)
    _sync_folder(path.parent)


def make_private_folder(path: Path) -> bool:
    """Make a folder that only its owner may enter; False when it was there (it is then left as it is)."""
    if path.is_dir():
        return False
    path.mkdir(mode=PRIVATE_FOLDER, parents=True)
    _sync_folder(path.parent)
    return True


@contextmanager
def locked(path: Path, place: str, wait_seconds: float) -> Iterator[None]:
    """Hold an exclusive lock between processes (and threads); BusyError when another holds it too long."""
    with explained(f"write to {place}"):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, PRIVATE_FILE)
    try:
        _acquire(descriptor, place, time.monotonic() + wait_seconds)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def explained(doing: str) -> Iterator[None]:
    """Turn what the file system refuses into one sentence; ``doing`` says what was tried, with the path."""
    try:
        yield
    except OSError as error:
        raise ExpectedError(f"cannot {doing}: {_reason(error)}", _hint(error)) from error


def _acquire(descriptor: int, place: str, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise BusyError(
                    f"another run is writing the same secrets in {place}", "Wait for it to end, then run this again."
                ) from None
            time.sleep(_POLL_SECONDS)
        else:
            return


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _reason(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "no room is left there"
    return (error.strerror or type(error).__name__).lower()


def _hint(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "Make room, then run the same command again; what was there before is untouched."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "Make it readable and writable for the user who runs Coffre, then run the same command again."
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return "Mount or create the folder (`coffre secrets init` makes it the first time), then run the command again."
    return "Put that right, then run the same command again; what was there before is untouched."
