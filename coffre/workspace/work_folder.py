"""A temporary folder for a command, in the checkout: removed at the end, also after a failure.

A command locks its folder, and the end of the process releases the lock. So a reused process number, or the same
number in another container, never keeps a folder alive.
"""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from coffre.errors import ExpectedError
from coffre.outside import beneath
from coffre.workspace.paths import COMMAND_FOLDERS


@contextmanager
def work_folder(root: Path, prefix: str) -> Iterator[Path]:
    """Give a private folder, removed at the end; first remove leftovers of killed commands with this prefix."""
    parent = root / COMMAND_FOLDERS
    for each in (parent.parent, parent):
        each.mkdir(parents=True, exist_ok=True, mode=0o700)
    remove_abandoned(root, prefix)
    with _alone_in(parent):  # A folder that is created but not yet locked would look abandoned.
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        lock = _lock(folder)
    try:
        yield folder
    finally:
        try:
            remove_folder(folder)
        finally:
            if lock is not None:
                os.close(lock)


def remove_abandoned(root: Path, prefix: str = "") -> None:
    """Remove the work folders of killed commands: they may contain files restored from a backup."""
    parent = root / COMMAND_FOLDERS
    if not parent.is_dir():
        return
    for left in parent.glob(f"{prefix}*"):
        with _alone_in(parent):
            lock = _lock(left)
        if lock is None:
            continue
        try:
            remove_folder(left)
        finally:
            os.close(lock)


def remove_folder(folder: Path) -> None:
    """Remove a folder with a customer's files; ExpectedError when a part of it stays."""
    try:
        beneath.remove(folder)
    except OSError as error:
        raise ExpectedError(
            f"{folder} could not be removed: {error.strerror}", "It contains a customer's files: remove it by hand now."
        ) from error


@contextmanager
def _alone_in(parent: Path) -> Iterator[None]:
    descriptor = os.open(parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _lock(folder: Path) -> int | None:
    """Lock a folder until the descriptor is closed; None when a running command has it, or when it is gone."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
