"""restic's `forget` and `prune`: arguments, and the reading of what a dry run says."""

import math
import re
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from coffre.agents.pruning import PrunePlan, RepositoryLockedError
from coffre.agents.repository import LONG_SECONDS, QUICK_SECONDS
from coffre.agents.restic.repository.output import OddOutputError
from coffre.agents.restic.repository.process import ResticError

LOCKED = 11
"""restic's exit code for a repository that another program has locked."""
IDS_A_CALL = 200
"""Snapshots named in one call: their ids have 65 bytes each, and one argument list has a limit."""
LOCK_SECONDS = 60
"""How long restic itself tries again when it meets a lock."""

_SNAPSHOT = re.compile("[0-9a-f]{64}")
_UNITS = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3, "TiB": 1024**4}
_SIZE = r"(?P<number>\d+(?:\.\d+)?) (?P<unit>B|KiB|MiB|GiB|TiB)"
_LINES = {
    "to repack": re.compile(rf"to repack:\s+\d+ blobs / {_SIZE}"),
    "this removes": re.compile(rf"this removes:\s+\d+ blobs / {_SIZE}"),
    "to delete": re.compile(rf"to delete:\s+\d+ blobs / {_SIZE}"),
    "remaining": re.compile(rf"remaining:\s+\d+ blobs / {_SIZE}"),
    "unused": re.compile(rf"unused size after prune: {_SIZE}"),
}

Run = Callable[[Sequence[str], float], Generator[str, None, None]]
"""Runs restic with these arguments until a deadline in seconds, and yields its lines."""


@dataclass(frozen=True)
class ResticPruner:
    """Removes backups with restic; implements RepositoryPruner. ``run`` may lock, ``look`` must not."""

    run: Run
    look: Run

    def plan(self, snapshots: Sequence[str], most_repacked_bytes: int | None = None) -> PrunePlan:
        limit = _limit(most_repacked_bytes)
        if not snapshots:
            return read_plan(self.look(["prune", "--no-lock", "--dry-run", *limit], LONG_SECONDS))
        named = [_full_id(each) for each in snapshots]
        return read_plan(self.look(["forget", "--no-lock", "--dry-run", "--prune", *limit, *named], LONG_SECONDS))

    def unlock(self) -> None:
        with _explained():
            _finish(self.run(["unlock"], QUICK_SECONDS))

    def remove(self, snapshots: Sequence[str]) -> None:
        named = [_full_id(each) for each in snapshots]
        for start in range(0, len(named), IDS_A_CALL):
            with _explained():
                _finish(self.run(["forget", _RETRY, *named[start : start + IDS_A_CALL]], LONG_SECONDS))

    def prune(self, most_repacked_bytes: int | None, deadline_seconds: float) -> None:
        with _explained():
            _finish(self.run(["prune", _RETRY, *_limit(most_repacked_bytes)], deadline_seconds))


_RETRY = f"--retry-lock={LOCK_SECONDS}s"


def read_plan(lines: Iterator[str]) -> PrunePlan:
    """Read what a dry run says it would do; OddOutputError when restic does not say all of it."""
    found: dict[str, int] = {}
    for line in lines:
        for name, pattern in _LINES.items():
            match = pattern.match(line.strip())
            if match is not None:
                found[name] = _read_size(match["number"], match["unit"])
    if set(found) != set(_LINES):
        raise OddOutputError("plan of a prune")
    return PrunePlan(found["to repack"], found["this removes"], found["to delete"], found["remaining"], found["unused"])


def _read_size(number: str, unit: str) -> int:
    """Return a size of three decimals in bytes, rounded up."""
    size = _UNITS[unit]
    return math.ceil(float(number) * size) + (size // 2000 if size > 1 else 0)


def _limit(most_repacked_bytes: int | None) -> list[str]:
    return [] if most_repacked_bytes is None else [f"--max-repack-size={most_repacked_bytes}B"]


def _full_id(snapshot: str) -> str:
    """Refuse everything that is not the full id of one snapshot: restic takes other words for policies."""
    if not _SNAPSHOT.fullmatch(snapshot):
        raise ResticError(f"{snapshot[:80]!r} is not the full id of a snapshot", "Nothing was removed.")
    return snapshot


def _finish(lines: Generator[str, None, None]) -> None:
    for _ in lines:
        continue


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except ResticError as problem:
        if problem.exit_code_of_restic != LOCKED:
            raise
        raise RepositoryLockedError(problem.message, problem.hint, said=problem.said) from problem
