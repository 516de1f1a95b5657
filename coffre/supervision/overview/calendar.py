"""What each day of a machine was: backed up, late, or not known since nobody looked. Pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from coffre.findings import FindingKind
from coffre.records.kept_findings import KeptFinding

WEEKS = 5


class DayState(StrEnum):
    """The state of one day of a machine."""

    SAVED = "saved"
    """A backup of that day is known."""
    UNKNOWN = "unknown"
    """No backup is known, and nobody looked on that day."""
    MISSED = "missed"
    FAILED = "failed"
    LATE = "late"
    NONE = "none"
    """One is due, none is known, and it does not count as late: the day is not over, or the machine was off."""
    OFF = "off"
    """None is due: a day off, or a pause."""
    BEFORE = "before"
    """The machine was not yet in service, or the day is still to come."""


_STATES: Mapping[str, DayState] = {
    FindingKind.BACKUP_MISSED.value: DayState.MISSED,
    FindingKind.BACKUP_FAILED.value: DayState.FAILED,
    FindingKind.BACKUP_LATE.value: DayState.LATE,
}
_WORST_FIRST = (DayState.MISSED, DayState.FAILED, DayState.LATE)


@dataclass(frozen=True)
class Day:
    """One day of a machine."""

    on: date
    state: DayState


def first_day(today: date) -> date:
    """Return the Monday on which a calendar begins: it ends with the Sunday of this week."""
    return today - timedelta(days=today.weekday() + 7 * (WEEKS - 1))


def list_days(
    since: date | None,
    saved: Collection[date],
    due: Collection[date],
    troubles: Iterable[KeptFinding],
    looked: Collection[date],
    timezone: str,
    today: date,
) -> list[Day]:
    """Return the days of a machine, whole weeks from Monday on, in the tenant's time zone.

    ``since`` is its first day in service, None when unknown; ``due`` are the days on which it must back up, ``looked``
    those on which a pass saw the tenant.
    """
    zone = ZoneInfo(timezone)
    found: dict[date, set[DayState]] = {}
    first = first_day(today)
    for each in troubles:
        state = _STATES.get(each.place.kind)
        if state is not None:
            for day in _span(each, zone, first, today):
                found.setdefault(day, set()).add(state)
    days = (first + timedelta(days=turn) for turn in range(7 * WEEKS))
    return [Day(day, _judge(day, since, saved, due, found.get(day, set()), looked, today)) for day in days]


def _judge(
    day: date,
    since: date | None,
    saved: Collection[date],
    due: Collection[date],
    troubles: Collection[DayState],
    looked: Collection[date],
    today: date,
) -> DayState:
    if day in saved:
        return DayState.SAVED
    if day > today or (since is not None and day < since):
        return DayState.BEFORE
    if day not in looked:
        return DayState.UNKNOWN
    if day not in due and DayState.FAILED not in troubles:
        return DayState.OFF
    return next((each for each in _WORST_FIRST if each in troubles), DayState.NONE)


def _span(kept: KeptFinding, zone: ZoneInfo, first: date, today: date) -> Iterable[date]:
    begin, end = max(first, _local(_find_begin(kept), zone)), today
    if kept.closed_at is not None:
        end = min(today, _local(kept.closed_at, zone))
    return (begin + timedelta(days=turn) for turn in range((end - begin).days + 1))


def _find_begin(kept: KeptFinding) -> datetime:
    """Return since when a backup lacks: the finding comes after its grace."""
    due_at = kept.evidence.get("due_at")
    return min(kept.since, datetime.fromisoformat(due_at)) if isinstance(due_at, str) else kept.since


def _local(moment: datetime, zone: ZoneInfo) -> date:
    return moment.astimezone(zone).date()
