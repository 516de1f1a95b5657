"""A folder for what lives as long as a command, under the checkout: removed at the end, also after a failure."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from coffre.errors import ExpectedError
from coffre.operations.service import RUN_FOLDER
from coffre.outside import beneath

WORK_FOLDERS = RUN_FOLDER / ".work"
"""Beside the folders of tenants, whose names never begin with a point."""


@contextmanager
def work_folder(root: Path, prefix: str) -> Iterator[Path]:
    """Give a private folder, removed at the end; what killed commands left under the same prefix is removed first."""
    parent = root / WORK_FOLDERS
    for each in (parent.parent, parent):
        each.mkdir(parents=True, exist_ok=True, mode=0o700)
    remove_abandoned(root, prefix)
    folder = Path(tempfile.mkdtemp(prefix=f"{prefix}{os.getpid()}-", dir=parent))
    try:
        yield folder
    finally:
        remove_folder(folder)


def remove_abandoned(root: Path, prefix: str = "") -> None:
    """Remove the work folders of killed commands: such a one may hold files that were restored from a backup."""
    for left in (root / WORK_FOLDERS).glob(f"{prefix}*-*"):
        if not _is_used(left):
            remove_folder(left)


def remove_folder(folder: Path) -> None:
    """Remove a folder that holds a customer's files; ExpectedError when something of it stays."""
    try:
        beneath.remove(folder)
    except OSError as error:
        raise ExpectedError(
            f"{folder} could not be removed: {error.strerror}", "It holds a customer's files: remove it by hand now."
        ) from error


def _is_used(folder: Path) -> bool:
    """Tell whether the process that a work folder is named after still lives."""
    return Path("/proc", folder.name.split("-")[-2]).exists()
