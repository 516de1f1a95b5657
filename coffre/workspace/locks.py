"""Locks between commands, by files that are there for nothing else. A lock goes with its process, however that ends.

They are the kernel's (flock), so they hold between containers that share the files. `filelock` takes them: it waits,
leaves the file in place, and takes none on a file that was removed meanwhile. It opens no folder and keeps no caller's
descriptor, so `work_folder` locks its folders itself, and the anchor the file that it adds a line to.
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
    """Hold an exclusive lock between processes and threads; raises ``busy`` when another holds it for longer.

    OSError where the file cannot be made or the file system has no locks.
    """
    # A file that only claims a lock would stay after a kill, and be taken for one.
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
    """Hold a tenant for the length of a change; BusyError when another command has it for longer than the patience."""
    path = lock_file(root, slug)
    path.parent.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
    busy = BusyError(f"another command is changing {slug}", "Wait for it to end and run the same command again.")
    with file_lock(path, busy, patience_seconds):
        yield
