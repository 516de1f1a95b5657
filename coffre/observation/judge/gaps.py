"""Says what is missing from a machine's backup by its last report: paths with too little data, lost packs. Pure.

The agent decides (`agent/internal/sources`); this module reads what it tells SMILÉO.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from coffre.agents.report import Report, ReportPath
from coffre.agents.report_paths import Integrity, PathState
from coffre.findings import Finding, FindingKind

MAX_PATHS = 20
"""How many paths of a machine are named individually."""


@dataclass(frozen=True)
class Wanted:
    """A machine and what is wanted from it now: its plan's paths, without what was accepted of a report."""

    slug: str
    machine: str
    paths: Collection[str]
    accepted: Collection[tuple[str, int]] = ()


def judge_gaps(wanted: Wanted, last: Report | None, whole_at: datetime | None) -> tuple[Finding, ...]:
    """Report what the last run's snapshot lacks of the plan; a path that has left the plan since is no gap.

    ``whole_at`` is when the last success was in storage: a damaged repository is restored to that time.
    """
    if last is None:
        return ()
    bad = [
        each
        for each in last.paths or ()
        if not each.state.is_good and each.path in wanted.paths and (each.path, last.number or 0) not in wanted.accepted
    ]
    return (*_judge_integrity(wanted, last, whole_at), *_name_paths(wanted.machine, bad))


def _judge_integrity(wanted: Wanted, last: Report, whole_at: datetime | None) -> Iterator[Finding]:
    if last.integrity in (None, Integrity.WHOLE):
        return
    yield Finding(
        FindingKind.SNAPSHOT_NOT_WHOLE,
        wanted.machine,
        {
            "integrity": str(last.integrity),
            "count": last.missing_packs,
            "tenant": wanted.slug,
            "machine": wanted.machine,
            # To the microsecond: without the fraction, the last writes of that backup would be missing.
            "whole_at": None if whole_at is None else whole_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        },
    )


def _name_paths(machine: str, bad: list[ReportPath]) -> Iterator[Finding]:
    for each in bad[:MAX_PATHS]:
        yield Finding(FindingKind.PATH_NOT_SAVED, machine, evidence_of(each))
    if len(bad) > MAX_PATHS:
        yield Finding(FindingKind.PATHS_NOT_SAVED, machine, {"count": len(bad) - MAX_PATHS})


def evidence_of(path: ReportPath) -> dict[str, str | int | None]:
    """Return the values that show that a path gave too little."""
    return {
        "path": path.path,
        "state": path.state.value,
        "files": path.files,
        "files_before": path.files_before,
        "bytes": path.bytes,
        "bytes_before": path.bytes_before,
        "stored_as": path.stored_as,
        "mount_point": path.mount_point,
    }


def judge_snapshot_paths(machine: str, told: Report | None, lacking: Collection[str]) -> tuple[Finding, ...]:
    """Return the paths of the plan that a drill cannot restore, by the report or by the snapshot's own list."""
    if told is None or told.paths is None:
        return ()
    bad = [each for each in told.paths if not each.state.is_good]
    absent = [
        each.model_copy(
            update={
                "state": PathState.EMPTY,
                "files": 0,
                "files_before": each.files,
                "bytes": 0,
                "bytes_before": each.bytes,
            }
        )
        for each in told.paths
        if each.files and each.stored_as in lacking
    ]
    return tuple(_name_paths(machine, [*bad, *absent]))
