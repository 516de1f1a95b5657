"""Keeps the agent's programs on a node, so that each travels there once. They are no secret; their hash names them."""

import contextlib
import hashlib
import os
import shutil
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

KEPT_FOLDER = "COFFRE_KEPT"
"""The variable that names the folder of kept programs to the job; without it nothing is kept."""
UNUSED_SECONDS = 30 * 24 * 3600
"""How long a program that no job asks for stays."""


def list_kept(folder: Path, wanted: Iterable[str]) -> list[str]:
    """Return those of the wanted hashes whose program is there, whole."""
    found = [sha256 for sha256 in wanted if _is_whole(folder / sha256, sha256)]
    for sha256 in found:
        os.utime(folder / sha256)
    return found


def exchange(kept: Path, work: Path, programs: Mapping[str, str]) -> None:
    """Give a job the kept programs that did not come with it, and keep those that did; ``programs`` are hashes."""
    kept.mkdir(mode=0o700, parents=True, exist_ok=True)
    for place, sha256 in programs.items():
        file = work / place
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(kept / sha256, file)
        elif not _is_whole(kept / sha256, sha256) and _is_whole(file, sha256):
            new = kept / f"{sha256}.{os.getpid()}"
            shutil.copyfile(file, new)
            new.replace(kept / sha256)
    for old in kept.iterdir():
        with contextlib.suppress(FileNotFoundError):  # another job removed it
            if old.stat().st_mtime < time.time() - UNUSED_SECONDS:
                old.unlink()


def _is_whole(file: Path, sha256: str) -> bool:
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest() == sha256
    except FileNotFoundError:
        return False
