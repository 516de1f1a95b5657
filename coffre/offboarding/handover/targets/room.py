"""Checks before any write whether a target has room for a return."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from coffre.agents.repository import Node
from coffre.errors import RefusedError
from coffre.outside.beneath import Beneath
from coffre.spec.values.sizes import format_bytes

BLOCK_BYTES = 4096
TAG_BYTES_EACH = 512
"""The approximate size of an entry in manifest and tag files."""
FIXED_BYTES = 1 << 20


@dataclass(frozen=True)
class Need:
    """The maximum size of something on a disk; holes in files count as written."""

    files: int = 0
    bytes: int = 0
    on_disk_bytes: int = 0

    def __add__(self, other: "Need") -> "Need":
        return Need(self.files + other.files, self.bytes + other.bytes, self.on_disk_bytes + other.on_disk_bytes)


def largest_block_bytes(*folders: Path) -> int:
    """Return the largest block size of the folders' disks: an exFAT disk allocates 128 KiB at a time."""
    return max(BLOCK_BYTES, *(os.statvfs(existing(each)).f_frsize for each in folders))


def need_of(nodes: Iterable[Node], block_bytes: int = BLOCK_BYTES) -> Need:
    """Return the size of a snapshot's entries on a disk with such blocks. Pure."""
    files = total_bytes = on_disk_bytes = 0
    for node in nodes:
        files += 1
        total_bytes += node.size_bytes
        on_disk_bytes += TAG_BYTES_EACH + -(-node.size_bytes // block_bytes) * block_bytes
        on_disk_bytes += block_bytes if node.type == "dir" else 0
    return Need(files, total_bytes, on_disk_bytes)


def count_larger(nodes: Iterable[Node], largest_bytes: int, larger: list[int]) -> Iterator[Node]:
    """Yield the entries as they come, and note the sizes of files that are too large for a disk."""
    for node in nodes:
        if node.size_bytes > largest_bytes:
            larger.append(node.size_bytes)
        yield node


def refuse_larger(larger: Sequence[int], largest_bytes: int, folder: Path) -> None:
    """Refuse a disk for which files are too large, with any amount of room."""
    if larger:
        raise RefusedError(
            f"{len(larger)} files are larger than {format_bytes(largest_bytes)}, the limit of a file on the disk of "
            f"{folder}: the largest has {format_bytes(max(larger))}",
            "Format the disk as exFAT or NTFS, name another target, or return the repository instead of files; nothing "
            "was written.",
        )


def refuse_absent(target: Path) -> None:
    """Refuse a missing target, for example of a disk that is not plugged in.

    If Coffre created it, it would be on this computer's own disk.
    """
    if not target.is_dir():
        raise RefusedError(
            f"the folder {target} does not exist",
            "Plug the disk in, or create that folder, then run the same command again; nothing was written.",
        )


def refuse_without_room(need: Need, folder: Path, present_bytes: int = 0) -> None:
    """Refuse to begin without enough room on a folder's file system; ``present_bytes`` of it exist already."""
    facts = os.statvfs(existing(folder))
    free_bytes = facts.f_bavail * facts.f_frsize
    wanted_bytes = max(0, need.on_disk_bytes - present_bytes) + FIXED_BYTES
    if wanted_bytes > free_bytes:
        raise RefusedError(
            f"{folder} has room for {format_bytes(free_bytes)}, but up to {format_bytes(wanted_bytes)} are needed",
            "Make room or name another target, then run the same command again; nothing was written.",
        )
    if facts.f_files and not present_bytes and need.files > facts.f_favail:
        raise RefusedError(
            f"the file system of {folder} has room for {facts.f_favail} more files, but {need.files} are needed",
            "Name another target, or return the repository instead of files; nothing was written.",
        )


def present_bytes(folder: Path) -> int:
    """Return the size of a folder on its disk."""
    if not folder.is_dir():
        return 0
    with Beneath(folder) as below:
        return sum(facts.st_blocks * 512 for _, facts in below.walk())


def existing(folder: Path) -> Path:
    """Return a folder, or the nearest existing one above it."""
    return next(each for each in [folder, *folder.parents] if each.exists())
