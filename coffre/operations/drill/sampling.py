"""Chooses the files that a drill restores: reproducible from its printed seed. Pure.

A path has the exact bytes of the name: bytes that are not UTF-8 become Python's surrogates, so that no two are equal.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

REPORTED_FILES = 8
"""Files whose hashes the agent reported: the drill's proof, since SMILÉO could not have computed those hashes."""

OTHER_FILES = 12
"""Other restored files: their size is compared, and restic itself compares every blob with its name."""

SAMPLE_BYTES = 256 * 1024**2
"""The maximum that one drill restores."""


MAX_ROOTS = 40
"""For how many paths of a plan a drill certainly restores a file."""


def exact_bytes(path: str) -> bytes:
    """Return the bytes of a path."""
    return path.encode("utf-8", "surrogateescape")


def readable(path: str) -> str:
    """Return a path as text that can be shown and stored; each byte that is not UTF-8 is escaped."""
    return exact_bytes(path).decode("utf-8", "backslashreplace")


@dataclass(frozen=True)
class SnapshotFile:
    """A regular file of a snapshot: absolute path and size."""

    path: str
    size_bytes: int


@dataclass(frozen=True)
class ReportedHash:
    """What the agent reported of a file that did not change during its run."""

    path: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Sample:
    """What a drill restores: ``reported`` is compared by hash, ``others`` by size."""

    seed: int
    reported: tuple[ReportedHash, ...]
    others: tuple[SnapshotFile, ...]

    @property
    def sizes(self) -> dict[str, int]:
        """The size in bytes that each file of the sample must have, by path."""
        reported = {file.path: file.size_bytes for file in self.reported}
        return reported | {file.path: file.size_bytes for file in self.others}

    @property
    def paths(self) -> list[str]:
        return list(self.sizes)


def choose_sample(
    files: Sequence[SnapshotFile], reported: Sequence[ReportedHash], seed: int, roots: Sequence[str] = ()
) -> Sample:
    """Choose a drill's sample; the same snapshot, report and seed give the same one.

    Only reported files in the snapshot are taken: a missing one was excluded, or the report is false. From each of
    ``roots``, the paths of the plan in the form of the snapshot, at least one file is taken, for at most 40 of them.
    """
    chooser = random.Random(seed)  # noqa: S311 - a sample, not a secret
    in_snapshot = {file.path for file in files}
    candidates = sorted((file for file in reported if file.path in in_snapshot), key=lambda file: file.path)
    chosen_reported = _take(chooser, candidates, REPORTED_FILES, SAMPLE_BYTES)
    room_bytes = SAMPLE_BYTES - sum(file.size_bytes for file in chosen_reported)
    taken = {file.path for file in chosen_reported}
    rest = sorted((file for file in files if file.path not in taken), key=lambda file: file.path)
    others: list[SnapshotFile] = []
    for root in chooser.sample(roots, min(len(roots), MAX_ROOTS)):
        if any(is_in(path, root) for path in taken):
            continue
        first = _take(chooser, [file for file in rest if is_in(file.path, root)], 1, room_bytes)
        others += first
        taken |= {file.path for file in first}
        room_bytes -= sum(file.size_bytes for file in first)
    rest = [file for file in rest if file.path not in taken]
    others += _take(chooser, rest, OTHER_FILES - len(others), room_bytes)
    return Sample(seed, tuple(chosen_reported), tuple(others))


def find_empty(files: Sequence[SnapshotFile], roots: Sequence[str]) -> list[str]:
    """Return the roots without any file in a snapshot."""
    left = set(roots)
    for file in files:
        left -= {root for root in left if is_in(file.path, root)}
        if not left:
            break
    return [root for root in roots if root in left]


def is_in(path: str, root: str) -> bool:
    """Tell whether a path of a snapshot is a folder or file, or is inside it."""
    return path == root or path.startswith(root.rstrip("/") + "/")


File = TypeVar("File", SnapshotFile, ReportedHash)


def _take(chooser: random.Random, files: Sequence[File], count: int, room_bytes: int) -> list[File]:
    chosen: list[File] = []
    for file in chooser.sample(files, len(files)):
        if len(chosen) >= count:
            break
        if file.size_bytes <= room_bytes:
            chosen.append(file)
            room_bytes -= file.size_bytes
    return chosen
