"""Writes files atomically, by default readable by their owner only. No other module does this."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700
PUBLIC_FILE = 0o644

_TEMPORARY = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC


def write_atomically(
    path: Path, content: bytes, *, mode: int = PRIVATE_FILE, is_durable: bool = True, is_alone: bool = True
) -> None:
    """Write a file atomically: a temporary file beside it, then a rename. After an error nothing is left.

    ``is_durable``: file and folder are synced, so that a power cut loses neither the old file nor the new one.
    ``is_alone``: the caller holds a lock, so that one name for the temporary file is enough, and the next write removes
    the leftovers of a killed one. Without a lock each write has its own temporary file.
    """
    temporary = temporary_name(path) if is_alone else None
    try:
        if temporary is None:
            descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
            temporary = Path(name)
        else:
            descriptor = os.open(temporary, _TEMPORARY, PRIVATE_FILE)
        _fill(descriptor, content, mode, is_durable=is_durable)
        temporary.replace(path)
    except BaseException:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink()
        raise
    if is_durable:
        sync_folder(path.parent)


def write_once(path: Path, content: bytes) -> None:
    """Write a private file atomically, unless it exists or another process is faster: then the other file stays."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        _fill(descriptor, content, PRIVATE_FILE, is_durable=True)
        with suppress(FileExistsError):
            path.hardlink_to(name)
    finally:
        Path(name).unlink()
    sync_folder(path.parent)


def temporary_name(path: Path) -> Path:
    """Return the name of the temporary file of a writer with a lock; a killed write may leave it."""
    return path.with_name(f".{path.name}.tmp")


def delete(path: Path) -> None:
    """Delete a file so that a crash cannot bring it back: fsync of the folder."""
    path.unlink(missing_ok=True)
    sync_folder(path.parent)


def remove_paths(paths: Iterable[Path]) -> list[Path]:
    """Remove files and folders, a link as itself; returns those that existed."""
    removed = []
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.exists() or path.is_symlink():
            path.unlink()
        else:
            continue
        removed.append(path)
    return removed


def make_private_folder(path: Path) -> bool:
    """Create a folder that only its owner may enter; False when it existed (it is then not changed)."""
    if path.is_dir():
        return False
    path.mkdir(mode=PRIVATE_FOLDER, parents=True)
    sync_folder(path.parent)
    return True


def sync_folder(folder: Path) -> None:
    """Sync a folder to disk: its renamed, created and deleted files."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _fill(descriptor: int, content: bytes, mode: int, *, is_durable: bool) -> None:
    with os.fdopen(descriptor, "wb") as file:
        # A mount without permissions refuses to set a mode: then privacy is not possible there.
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            os.fchmod(descriptor, mode)
        file.write(content)
        file.flush()
        if is_durable:
            os.fsync(descriptor)
