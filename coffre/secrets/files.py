"""Locks between processes, and plain error messages, for the files of the secret store."""

import errno
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from coffre.errors import BusyError, ExpectedError
from coffre.workspace.locks import file_lock


@contextmanager
def locked(path: Path, place: str, wait_seconds: float) -> Iterator[None]:
    """Hold an exclusive lock between processes (and threads); BusyError when another process holds it too long."""
    busy = BusyError(f"another run is writing the same secrets in {place}", "Wait for it to end, then run this again.")
    with ExitStack() as held:
        with explained(f"write to {place}"):
            held.enter_context(file_lock(path, busy, wait_seconds))
        yield


@contextmanager
def explained(doing: str) -> Iterator[None]:
    """Turn an error of the file system into one sentence; ``doing`` names the attempted action, with the path."""
    try:
        yield
    except OSError as error:
        raise ExpectedError(f"cannot {doing}: {_reason(error)}", _hint(error)) from error


def _reason(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "no room is left there"
    return (error.strerror or type(error).__name__).lower()


def _hint(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "Make room, then run the same command again; the old file is unchanged."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "Make it readable and writable for the user who runs Coffre, then run the same command again."
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return "Mount or create the folder (`coffre secrets init` makes it the first time), then run the command again."
    return "Correct that, then run the same command again; the old file is unchanged."
