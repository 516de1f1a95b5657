"""Looking at machines from outside: whole file systems."""

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

# Kernel and memory file systems: nothing in them survives a restart, and /run belongs to whatever runs.
NOT_FILES = {"proc", "sys", "dev", "run"}
HASHED = ("etc/", "usr/")

JUSTIFIED = {
    "var/log": "logs and login records: that somebody was there is theirs to keep",
    "var/lib/systemd": "systemd's own state: random seed, timers of the system",
    "var/cache": "caches of the system's own services",
}
PARENTS = {
    "etc",
    "home/claire",
    "home/operateur",
    "etc/systemd/system",
    "etc/systemd/system/timers.target.wants",
    "usr/local/bin",
    "usr/local/lib",
    "var/lib",
    "tmp",
    "var/tmp",
}
"""Directories in which something of ours was for a while: their time of change tells, nothing else of them may."""


@dataclass(frozen=True)
class Entry:
    mode: int
    uid: int
    gid: int
    size: int
    mtime_ns: int
    sha256: str


def list_files(root: Path) -> dict[str, Entry]:
    """Return every file and directory of a machine."""
    found = {}
    for folder, folders, files in os.walk(root):
        here = os.path.relpath(folder, root)
        if here == ".":
            folders[:] = [name for name in folders if name not in NOT_FILES]
        for name in [*folders, *files]:
            path = os.path.normpath(f"{here}/{name}")
            if not path.startswith(tuple(JUSTIFIED)):
                found[path] = _entry(root, path)
    return found


def differences(before: dict[str, Entry], after: dict[str, Entry]) -> list[str]:
    """Name what differs; empty when both are the same machine untouched."""
    return [
        f"{path}: {before.get(path)} is now {after.get(path)}"
        for path in sorted(before.keys() | after.keys())
        if before.get(path) != after.get(path)
    ]


def _entry(root: Path, path: str) -> Entry:
    full = root / path
    facts = full.lstat()
    if stat.S_ISDIR(facts.st_mode):
        # The size of a directory is the file system's business.
        return Entry(facts.st_mode, facts.st_uid, facts.st_gid, 0, 0 if path in PARENTS else facts.st_mtime_ns, "")
    digest = ""
    if stat.S_ISREG(facts.st_mode) and path.startswith(HASHED):
        with full.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    elif stat.S_ISLNK(facts.st_mode):
        digest = str(full.readlink())
    return Entry(facts.st_mode, facts.st_uid, facts.st_gid, facts.st_size, facts.st_mtime_ns, digest)
