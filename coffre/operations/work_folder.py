"""A folder for what lives as long as a command, under the checkout: removed at the end, also after a failure."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from coffre.errors import ExpectedError
from coffre.operations.service import RUN_FOLDER


@contextmanager
def work_folder(root: Path, prefix: str) -> Iterator[Path]:
    """Give a private folder, removed at the end; what killed commands left under the same prefix is removed first."""
    parent = root / RUN_FOLDER
    parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    for left in parent.glob(f"{prefix}*"):
        if not _is_used(left, prefix):
            shutil.rmtree(left)
    folder = Path(tempfile.mkdtemp(prefix=f"{prefix}{os.getpid()}-", dir=parent))
    try:
        yield folder
    finally:
        remove_folder(folder)


def remove_folder(folder: Path) -> None:
    """Remove a folder that holds a customer's files; ExpectedError when something of it stays."""
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        raise ExpectedError(f"{folder} could not be removed", "It holds a customer's files: remove it by hand now.")


def _is_used(folder: Path, prefix: str) -> bool:
    """Tell whether the process that a work folder is named after still lives."""
    pid = folder.name.removeprefix(prefix).split("-")[0]
    return Path("/proc", pid).exists()
