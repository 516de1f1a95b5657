"""Judges whether a machine backed up when it had to: late, missed, or excused (contract, article 16). Pure.

A workstation is often off: it is late, which a digest tells. A server that gave no backup has missed it, and so has a
workstation that was away for longer than anybody is on holiday.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from coffre.findings import Finding, FindingKind
from coffre.records.facts.supervision import Pause
from coffre.spec.tenant import MachineKind, Schedule, Weekday

GRACE = {MachineKind.SERVER: timedelta(hours=12), MachineKind.WORKSTATION: timedelta(hours=24)}
"""How long after its time a run may still come in: the agent's deadline, and for a workstation the next day of work."""
MISSED_AFTER = timedelta(days=21)
"""After so long without a backup, a workstation has missed them."""

_WEEKDAYS = tuple(Weekday)
_LONGEST = timedelta(days=60)
"""Due runs further back change no verdict."""


@dataclass(frozen=True)
class Duty:
    """When a machine must back up.

    ``since`` is when it must from: its installation, or the end of a suspension; None: it must not. ``is_day_off``
    tells public holidays and the tenant's own closed days, on which a workstation is off and a server is not.
    """

    machine: str
    kind: MachineKind
    schedules: Sequence[Schedule]
    timezone: str
    since: datetime | None
    pauses: Collection[Pause] = ()
    """Times in which a person said that nobody expects a backup."""
    is_day_off: Callable[[date], bool] = lambda _: False


@dataclass(frozen=True)
class DutyVerdict:
    """The first due run without a backup, None when there is none, and the finding of it, once its grace is over.

    ``changes_at`` is when time alone changes the verdict.
    """

    unmet_at: datetime | None
    finding: Finding | None
    changes_at: datetime | None


def judge_duty(duty: Duty, last_success_at: datetime | None, now: datetime) -> DutyVerdict:
    """Judge a machine by its last successful backup, as storage and its agent agree on it."""
    if duty.since is None or not duty.schedules:
        return DutyVerdict(None, None, None)
    since = duty.since if last_success_at is None else max(duty.since, last_success_at)
    since = max(since, now - _LONGEST)
    unmet_at = next(iter(_due_runs(duty, since, now)), None)
    grace = GRACE[duty.kind]
    if unmet_at is None:
        following = next(iter(_due_runs(duty, now, now + timedelta(days=15))), None)
        return DutyVerdict(None, None, None if following is None else following + grace)
    if now < unmet_at + grace:
        return DutyVerdict(unmet_at, None, unmet_at + grace)
    missed_at = unmet_at if duty.kind is MachineKind.SERVER else unmet_at + MISSED_AFTER
    kind = FindingKind.BACKUP_MISSED if now >= missed_at else FindingKind.BACKUP_LATE
    evidence = {
        "due_at": unmet_at.isoformat(),
        "last_success_at": None if last_success_at is None else last_success_at.isoformat(),
    }
    changes_at = missed_at if now < missed_at else None
    return DutyVerdict(unmet_at, Finding(kind, duty.machine, evidence), changes_at)


def list_due_days(duty: Duty, first: date, last: date) -> set[date]:
    """Return the days from the first to the last, in the tenant's time zone, on which a run is due and not excused."""
    zone = ZoneInfo(duty.timezone)
    after = datetime.combine(first, time.min, zone) - timedelta(seconds=1)
    until = datetime.combine(last, time.max, zone)
    return {at.astimezone(zone).date() for at in _due_runs(duty, after.astimezone(UTC), until.astimezone(UTC))}


def _due_runs(duty: Duty, after: datetime, until: datetime) -> Iterator[datetime]:
    """Yield the due runs after one time and up to another, in UTC and in order, without the excused ones."""
    zone = ZoneInfo(duty.timezone)
    day, last = after.astimezone(zone).date(), until.astimezone(zone).date()
    while day <= last:
        if duty.kind is MachineKind.SERVER or not duty.is_day_off(day):
            for at in sorted(_runs_of(duty.schedules, day, zone)):
                if after < at <= until and not any(pause.begins_at <= at < pause.ends_at for pause in duty.pauses):
                    yield at
        day += timedelta(days=1)


def _runs_of(schedules: Sequence[Schedule], day: date, zone: ZoneInfo) -> Iterator[datetime]:
    for schedule in schedules:
        if _WEEKDAYS[day.weekday()] in schedule.days:
            local = datetime.combine(day, schedule.at, zone)
            at = local.astimezone(UTC)
            # A time that a clock change skips starts nothing on that day; `coffre check` refuses it in a file of today.
            if at.astimezone(zone).time() == schedule.at:
                yield at
