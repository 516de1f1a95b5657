"""The runs of a machine, from its reports and what storage has at that time, as supervision keeps them. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime

from coffre.agents.report import Report
from coffre.supervision.judge.attacks.attack import KEPT_RUNS, SHORT_ID, SeenRun


def add_runs(
    kept: Sequence[SeenRun],
    reports: Sequence[Report],
    arrivals: Mapping[str, datetime],
    repository_bytes: int | None,
    now: datetime,
) -> tuple[SeenRun, ...]:
    """Return the kept runs with those of newer reports, at most `KEPT_RUNS`.

    ``repository_bytes`` is None while a run goes on: what it has written so far belongs to no report.
    """
    newest = max((each.number for each in kept), default=0)
    fresh = sorted((each for each in reports if (each.number or 0) > newest), key=lambda each: each.number or 0)
    runs = list(kept)
    for at, report in enumerate(fresh):
        is_last = at == len(fresh) - 1
        runs.append(_see(report, runs, arrivals, repository_bytes if is_last else None, now))
    return tuple(runs[-KEPT_RUNS:])


def silent_growth(kept: Sequence[SeenRun], repository_bytes: int) -> int:
    """Return how much the repository grew since the last run of which that is known."""
    known = [each.repository_bytes for each in kept if each.repository_bytes is not None]
    return max(0, repository_bytes - known[-1]) if known else 0


def _see(
    report: Report,
    before: Sequence[SeenRun],
    arrivals: Mapping[str, datetime],
    repository_bytes: int | None,
    now: datetime,
) -> SeenRun:
    arrived = None if report.snapshot_id is None else arrivals.get(report.snapshot_id)
    changes, bait = report.changes, report.bait
    grown, reported = _grow(report, before, repository_bytes)
    return SeenRun(
        number=report.number or 0,
        seen_at=now,
        finished_at=arrived or min(report.by_server(report.finished_at), now),
        result=report.result.value,
        snapshot_id=None if report.snapshot_id is None else report.snapshot_id[:SHORT_ID],
        files_new=0 if changes is None else changes.files_new,
        files_changed=0 if changes is None else changes.files_changed,
        files_unmodified=0 if changes is None else changes.files_unmodified,
        files_removed=None if changes is None else changes.files_removed,
        files_incompressible=0 if changes is None else changes.files_incompressible,
        bytes_large=0 if changes is None else changes.bytes_large,
        is_compared=changes is not None,
        unreadable=report.unreadable_count,
        bytes_processed=report.bytes_processed,
        bytes_new=report.bytes_new,
        bytes_added=report.bytes_added,
        baits=0 if bait is None else bait.intact + bait.changed + bait.gone,
        bait_changed=0 if bait is None else bait.changed,
        bait_gone=0 if bait is None else bait.gone,
        bait_read=0 if bait is None else bait.read,
        repository_bytes=repository_bytes,
        grown_bytes=grown,
        reported_bytes=reported,
        upload_bytes_per_second=report.upload_bytes_per_second,
    )


def _grow(report: Report, before: Sequence[SeenRun], repository_bytes: int | None) -> tuple[int | None, int | None]:
    """Return the growth since the last run of which the size is known, and what reports explain of it."""
    known = [at for at, each in enumerate(before) if each.repository_bytes is not None]
    if repository_bytes is None or not known:
        return None, None
    base = before[known[-1]]
    reported = report.bytes_added + sum(each.bytes_added for each in before[known[-1] + 1 :])
    reported += max(0, report.bytes_processed - base.bytes_processed) if base.bytes_processed else 0
    return max(0, repository_bytes - (base.repository_bytes or 0)), reported


_TIMES = ("seen_at", "finished_at")
_NAMES = tuple(each.name for each in fields(SeenRun))


def pack_runs(runs: Sequence[SeenRun]) -> str:
    """Return runs as a short text: each pass reads those of all machines, and looks into few of them."""
    return json.dumps([[_pack(each, name) for name in _NAMES] for each in runs], separators=(",", ":"))


def unpack_runs(text: str) -> tuple[SeenRun, ...]:
    """Return packed runs; none for a text of another version, since it is only a memory.

    The rows of an earlier version lack the last fields: what usually happens on a machine stays known after an update.
    """
    try:
        rows = json.loads(text)
        return tuple(_unpack(dict(zip(_NAMES[: _length(row)], row, strict=True))) for row in rows)
    except (ValueError, TypeError, OverflowError):
        return ()


def _pack(run: SeenRun, name: str) -> object:
    value = getattr(run, name)
    return int(value.timestamp()) if isinstance(value, datetime) else value


def _length(row: list[object]) -> int:
    """Return how many fields a row has: never fewer than the first version that packed rows."""
    return max(len(row), _NAMES.index("reported_bytes") + 1)


def _unpack(values: dict[str, object]) -> SeenRun:
    times = {name: datetime.fromtimestamp(int(str(values[name])), UTC) for name in _TIMES}
    return SeenRun(**{**values, **times})  # type: ignore[arg-type]
