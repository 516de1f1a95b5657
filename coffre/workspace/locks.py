"""Locks between commands, with files for this purpose only. The end of a process, in any way, releases its locks.

They are kernel locks (flock), so they work between containers that share the files. `filelock` takes them: it waits,
leaves the file in place, and takes no lock on a file that was removed meanwhile. It cannot lock a folder or a given
descriptor, so `work_folder` locks its folders itself, and the anchor locks the file to which it adds a line.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from coffre.errors import BusyError
from coffre.workspace.files import PRIVATE_FILE, PRIVATE_FOLDER
from coffre.workspace.paths import lock_file


@contextmanager
def file_lock(path: Path, busy: BusyError, patience_seconds: float = 0) -> Iterator[None]:
    """Hold an exclusive lock between processes and threads; raises ``busy`` when another process holds it longer.

    OSError when the file cannot be created or the file system has no locks.
    """
    # A file that only marks a lock would stay after a kill, and look like a lock.
    lock = FileLock(path, timeout=patience_seconds, mode=PRIVATE_FILE, fallback_to_soft=False)
    try:
        lock.acquire()
    except Timeout:
        raise busy from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def tenant_lock(root: Path, slug: str, patience_seconds: float = 0) -> Iterator[None]:
    """Lock a tenant in this checkout; BusyError when another command holds it longer than the time limit."""
    with named_lock(root, slug, tenant_busy(slug), patience_seconds):
        yield


def tenant_busy(slug: str) -> BusyError:
    """Return the error of a command that finds a tenant locked."""
    return BusyError(f"another command is changing {slug}", "Wait for it to end and run the same command again.")


@contextmanager
def named_lock(root: Path, name: str, busy: BusyError, patience_seconds: float = 0) -> Iterator[None]:
    """Hold the lock of a name, between the processes of this checkout."""
    path = lock_file(root, name)
    path.parent.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
    with file_lock(path, busy, patience_seconds):
        yield
