"""Says which paths of a plan suddenly give far more or far less than in the run before. Pure.

Files that vanish nearly all are a deficient path, which the agent tells (`gaps`). Here is the rest: a folder that
trebles in a day, or loses two thirds. Either may be meant, and nobody but the customer knows.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from coffre.agents.report import Report, ReportPath
from coffre.findings import Finding, FindingKind

TIMES = 3
LEAST_BYTES = 10 * 1024**3
"""A smaller difference changes neither a quota nor a restore."""
TOLD_FOR = timedelta(days=7)
"""After so long the new size is the usual one."""
MAX_JUMPS = 20
_PATH_LENGTH = 500


@dataclass(frozen=True)
class Jump:
    """A path that gave far more or far less than in the last good run before; ``at`` is when the run ended."""

    path: str
    at: datetime
    bytes: int
    bytes_before: int
    files: int
    files_before: int | None


def follow_jumps(
    kept: Sequence[Jump], reports: Iterable[Report], wanted: Collection[str], now: datetime
) -> tuple[Jump, ...]:
    """Return the jumps after these new reports, oldest first: one ends when the path gives what it gave before it.

    ``wanted`` are the paths of the plan; one that has left it is no jump any more. A path without an earlier run, as in
    a first backup, is none.
    """
    jumps = {each.path: each for each in kept if now - each.at < TOLD_FOR}
    for report in sorted(reports, key=lambda each: each.number or 0):
        for path in report.paths or ():
            name = path.path[:_PATH_LENGTH]
            known = jumps.get(name)
            if not path.state.is_good or path.bytes is None:
                continue
            if known is not None and not _is_jump(known.bytes_before, path.bytes):
                del jumps[name]
            if path.bytes_before is not None and _is_jump(path.bytes_before, path.bytes):
                jumps[name] = _jump(name, path, path.bytes_before, min(report.by_server(report.finished_at), now))
    names = {each[:_PATH_LENGTH] for each in wanted}
    largest = sorted((each for each in jumps.values() if each.path in names), key=_difference, reverse=True)
    return tuple(sorted(largest[:MAX_JUMPS], key=lambda each: (each.at, each.path)))


def judge_jumps(machine: str, jumps: Iterable[Jump], now: datetime) -> Iterator[Finding]:
    """Yield a finding for each path that jumped during the last days."""
    for each in jumps:
        if now - each.at < TOLD_FOR:
            evidence: dict[str, str | int | None] = {
                "path": each.path,
                "bytes": each.bytes,
                "bytes_before": each.bytes_before,
                "files": each.files,
                "files_before": each.files_before,
                "at": each.at.isoformat(),
            }
            yield Finding(FindingKind.SIZE_JUMPED, machine, evidence)


def leave_out_attacked(findings: Sequence[Finding]) -> list[Finding]:
    """Leave out the jumps of machines that look attacked: people read one cause once."""
    attacked = {each.machine for each in findings if each.kind is FindingKind.SUSPECTED_ATTACK}
    return [each for each in findings if each.kind is not FindingKind.SIZE_JUMPED or each.machine not in attacked]


def _is_jump(before: int, after: int) -> bool:
    smaller, larger = sorted((before, after))
    return before > 0 and larger >= TIMES * smaller and larger - smaller >= LEAST_BYTES


def _jump(name: str, path: ReportPath, bytes_before: int, at: datetime) -> Jump:
    return Jump(name, at, path.bytes or 0, bytes_before, path.files, path.files_before)


def _difference(jump: Jump) -> int:
    return abs(jump.bytes - jump.bytes_before)
