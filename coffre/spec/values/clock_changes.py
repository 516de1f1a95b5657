"""Local times that a clock change skips or repeats: no plan may start at such a time.

systemd skips a start at a time that the day skips, and with it a whole week of a weekly plan; Task Scheduler
documents no behaviour for such a day; launchd was seen to start twice. So no plan may have such a time, on any system.
"""

import functools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from coffre.spec.values.schedule import Schedule, Weekday

FIRST_YEAR, LAST_YEAR = 2026, 2037
"""The years whose changes are checked: today's rules continue, and the zone data ends there."""

SPREAD = timedelta(minutes=15)
"""The machines of one plan start spread over this time; some schedulers get the later time itself."""

_WEEKDAYS = tuple(Weekday)
_DAY, _MINUTE = timedelta(days=1), timedelta(minutes=1)


@dataclass(frozen=True)
class ClockChange:
    """One clock change of a zone: the local times, without zone, that it skips or repeats."""

    first: datetime
    end: datetime
    is_skipped: bool


@dataclass(frozen=True)
class Unlucky:
    """Why a schedule is refused: the first days that skip or repeat its time, and the nearest valid times."""

    skipped_on: date | None
    doubled_on: date | None
    earlier: time | None
    later: time | None


@functools.cache
def list_changes(timezone: str) -> tuple[ClockChange, ...]:
    """Return a zone's changes, first to last."""
    zone, changes = ZoneInfo(timezone), []
    at, end = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC), datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC)
    while at < end:
        if _offset(zone, at) != _offset(zone, at + _DAY):
            moment = _find_change(zone, at, at + _DAY)
            before, after = _offset(zone, moment - _MINUTE), _offset(zone, moment)
            local = sorted(moment.replace(tzinfo=None) + offset for offset in (before, after))
            changes.append(ClockChange(local[0], local[1], is_skipped=after > before))
        at += _DAY
    return tuple(changes)


@functools.lru_cache(maxsize=4096)  # a repository has thousands of plans, and a few dozen schedules
def find_unlucky(schedule: Schedule, timezone: str) -> Unlucky | None:
    """Return why a schedule of a zone is refused; None when its time exists exactly once on each of its days."""
    hit = list(_hits(schedule, timezone))
    if not hit:
        return None
    return Unlucky(
        skipped_on=next((change.first.date() for change in hit if change.is_skipped), None),
        doubled_on=next((change.first.date() for change in hit if not change.is_skipped), None),
        earlier=_find_lucky(schedule, timezone, -_MINUTE),
        later=_find_lucky(schedule, timezone, _MINUTE),
    )


def _hits(schedule: Schedule, timezone: str) -> Iterator[ClockChange]:
    for change in list_changes(timezone):
        for on in {change.first.date() - _DAY, change.first.date(), change.end.date()}:
            start = datetime.combine(on, schedule.at)
            if _WEEKDAYS[on.weekday()] in schedule.days and change.first - SPREAD < start < change.end:
                yield change
                break


def _find_lucky(schedule: Schedule, timezone: str, step: timedelta) -> time | None:
    """Return the nearest time of the same day, in one direction, that exists exactly once on every day."""
    moment = datetime.combine(date(FIRST_YEAR, 1, 1), schedule.at) + step
    while moment.date() == date(FIRST_YEAR, 1, 1):
        if next(_hits(replace(schedule, at=moment.time()), timezone), None) is None:
            return moment.time()
        moment += step
    return None


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()


def _find_change(zone: ZoneInfo, first: datetime, last: datetime) -> datetime:
    """Return the minute at which a zone's offset changes from the one at ``first``."""
    before = _offset(zone, first)
    while last - first > _MINUTE:
        middle = first + ((last - first) // 2 // _MINUTE) * _MINUTE
        if _offset(zone, middle) == before:
            first = middle
        else:
            last = middle
    return last
