"""When a machine must be drilled, by the option restore_tests, and what its drills so far mean. Pure.

A day counts from its begin in the tenant's time zone: a timer that runs every night drills a machine in the night of
the day on which it is due, however long the drills before it take.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from coffre.findings import Finding, FindingKind
from coffre.records.facts.backups import Drilled
from coffre.records.facts.supervision import Pause

AGAIN_AFTER_DAYS = 1
"""A drill that failed is due again so soon: perhaps the storage was mended."""


@dataclass(frozen=True)
class PastDrill:
    """A drill that ended at a time, passed or failed."""

    at: datetime
    fact: Drilled


@dataclass(frozen=True)
class DrillDuty:
    """What decides when a machine must be drilled.

    ``first_backup_at`` is when the first backup of its present repository was seen, ``last_at`` its last drill, of
    either result; None: there is none. ``since`` is when it must back up from; None: it must not (suspended, retired,
    not yet installed), so nobody drills it. ``pauses`` are those of its backups: meanwhile nobody drills it either.
    """

    machine: str
    timezone: str
    interval_days: int
    grace_days: int
    since: datetime | None
    first_backup_at: datetime | None
    last_at: datetime | None
    is_last_failed: bool = False
    pauses: Sequence[Pause] = ()

    @property
    def grace(self) -> timedelta:
        return timedelta(days=self.grace_days)

    def find_pause(self, now: datetime) -> Pause | None:
        """Return the pause that goes on."""
        return next((each for each in self.pauses if each.begins_at <= now < each.ends_at), None)


@dataclass(frozen=True)
class DrillVerdict:
    """The finding of a drill that is overdue; ``changes_at`` is when time alone changes the verdict."""

    finding: Finding | None
    changes_at: datetime | None


def find_planned(duty: DrillDuty) -> datetime | None:
    """Return when the next drill is due by the last one alone, also for a machine that nobody drills now.

    None: it has no backup yet.
    """
    if duty.last_at is None:
        return _days_after(duty, duty.first_backup_at, duty.interval_days)
    return _days_after(duty, duty.last_at, AGAIN_AFTER_DAYS if duty.is_last_failed else duty.interval_days)


def find_due(duty: DrillDuty) -> datetime | None:
    """Return when the next drill is due; None while nobody drills the machine."""
    planned = find_planned(duty)
    return None if planned is None or duty.since is None else _after_pauses(duty, max(planned, duty.since))


def judge_drill_duty(duty: DrillDuty, now: datetime) -> DrillVerdict:
    """Judge whether a drill is overdue: due, and not made within its grace. One that failed was made.

    The grace begins again after a suspension and after a pause.
    """
    last_at = duty.last_at or duty.first_backup_at
    planned = _days_after(duty, last_at, duty.interval_days)
    if planned is None or duty.since is None:
        return DrillVerdict(None, None)
    pause = duty.find_pause(now)
    if pause is not None:
        return DrillVerdict(None, pause.ends_at)
    due_at = _after_pauses(duty, max(planned, duty.since))
    overdue_at = due_at + duty.grace
    if now < overdue_at:
        return DrillVerdict(None, overdue_at)
    evidence = {
        "due_at": due_at.isoformat(),
        "last_at": None if duty.last_at is None else duty.last_at.isoformat(),
    }
    return DrillVerdict(Finding(FindingKind.DRILL_OVERDUE, duty.machine, evidence), None)


def judge_drills(machine: str, drills: Iterable[PastDrill], copied_to: str | None) -> tuple[Finding, ...]:
    """Report the last drill of a machine's repository, and that of its second copy, where they failed.

    ``drills`` are those of its present repository, in their order; ``copied_to`` is the platform of its second copy
    now. What a file is called is left out: a finding is read by more people than a drill.
    """
    last: dict[str | None, PastDrill] = {each.fact.copied_to: each for each in drills}
    wanted = [None] if copied_to is None else [None, copied_to]
    found = [last[home] for home in wanted if home in last and not last[home].fact.is_passed]
    return tuple(Finding(FindingKind.DRILL_FAILED, machine, _prove(each)) for each in found)


def _prove(drill: PastDrill) -> Mapping[str, str | int | None]:
    fact = drill.fact
    return {
        "platform": fact.copied_to,
        "at": drill.at.isoformat(),
        "seed": fact.seed,
        "snapshot": fact.snapshot_id,
        "problems": len(fact.problems),
        "losses": len(fact.losses),
        "gaps": len(fact.gaps),
    }


def _days_after(duty: DrillDuty, moment: datetime | None, days: int) -> datetime | None:
    """Return the begin of the day so many days after a moment, in UTC."""
    if moment is None:
        return None
    zone = ZoneInfo(duty.timezone)
    day = moment.astimezone(zone).date() + timedelta(days=days)
    return datetime.combine(day, time.min, zone).astimezone(UTC)


def _after_pauses(duty: DrillDuty, due_at: datetime) -> datetime:
    """Return a time outside the pauses: one that begins before the grace is over moves it to its own end."""
    for pause in sorted(duty.pauses, key=lambda each: each.begins_at):
        if pause.begins_at < due_at + duty.grace and pause.ends_at > due_at:
            due_at = pause.ends_at
    return due_at
