"""When a machine is late, when it has missed its backup, and when nobody expects one."""

from datetime import UTC, date, datetime, timedelta

import pytest

from coffre.findings import FindingKind
from coffre.observation.judge.duty import GRACE, MISSED_AFTER, Duty, DutyVerdict, judge_duty
from coffre.records.facts.supervision import Pause
from coffre.spec.tenant import MachineKind, Weekday
from coffre.spec.values.schedule import Schedule, parse_schedule

PARIS = "Europe/Paris"
DAILY = parse_schedule("daily 19:00")
MONDAY = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
"""19:00 in Paris, in winter."""
INSTALLED = datetime(2026, 11, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
WORKSTATION, SERVER = MachineKind.WORKSTATION, MachineKind.SERVER


def duty(kind: MachineKind = WORKSTATION, *schedules: Schedule, **changes: object) -> Duty:
    return Duty("pc-1", kind, schedules or (DAILY,), PARIS, INSTALLED, **changes)  # type: ignore[arg-type]


def kind_of(verdict: DutyVerdict) -> FindingKind | None:
    return None if verdict.finding is None else verdict.finding.kind


@pytest.mark.parametrize(
    ("kind", "said"), [(WORKSTATION, FindingKind.BACKUP_LATE), (SERVER, FindingKind.BACKUP_MISSED)]
)
def test_a_due_run_without_a_backup_counts_after_its_grace(kind: MachineKind, said: FindingKind) -> None:
    done_before = MONDAY - HOUR
    within = judge_duty(duty(kind), done_before, MONDAY + GRACE[kind] - timedelta(seconds=1))
    assert (kind_of(within), within.changes_at) == (None, MONDAY + GRACE[kind])
    assert kind_of(judge_duty(duty(kind), done_before, MONDAY + GRACE[kind])) is said


def test_a_backup_after_the_due_time_ends_it() -> None:
    verdict = judge_duty(duty(SERVER), MONDAY + HOUR, MONDAY + 20 * HOUR)
    assert kind_of(verdict) is None
    assert verdict.changes_at == MONDAY + timedelta(days=1) + GRACE[SERVER], "the next run and its grace"


def test_a_workstation_that_is_away_for_weeks_has_missed_its_backups() -> None:
    at = MONDAY + MISSED_AFTER
    late = judge_duty(duty(), MONDAY - HOUR, at - HOUR)
    assert (kind_of(late), late.changes_at) == (FindingKind.BACKUP_LATE, at)
    assert kind_of(judge_duty(duty(), MONDAY - HOUR, at)) is FindingKind.BACKUP_MISSED


def test_the_evidence_names_the_first_run_that_was_not_met() -> None:
    verdict = judge_duty(duty(SERVER), MONDAY - HOUR, MONDAY + timedelta(days=3))
    assert verdict.finding is not None
    assert verdict.finding.evidence == {
        "due_at": "2026-11-23T18:00:00+00:00",
        "last_success_at": "2026-11-23T17:00:00+00:00",
    }


def test_a_machine_that_must_not_back_up_is_never_late() -> None:
    assert judge_duty(Duty("pc-1", SERVER, (DAILY,), PARIS, None), None, MONDAY) == DutyVerdict(None, None, None)
    assert judge_duty(Duty("pc-1", SERVER, (), PARIS, INSTALLED), None, MONDAY) == DutyVerdict(None, None, None)


def test_the_first_backup_is_due_after_the_installation() -> None:
    since = MONDAY + HOUR
    fresh = Duty("pc-1", SERVER, (DAILY,), PARIS, since)
    assert kind_of(judge_duty(fresh, None, since + 20 * HOUR)) is None
    assert kind_of(judge_duty(fresh, None, MONDAY + timedelta(days=1) + GRACE[SERVER])) is FindingKind.BACKUP_MISSED


@pytest.mark.parametrize(("kind", "is_late"), [(WORKSTATION, False), (SERVER, True)])
def test_on_a_day_off_a_workstation_is_off_and_a_server_is_not(kind: MachineKind, is_late: bool) -> None:
    off = duty(kind, is_day_off=lambda day: day == date(2026, 11, 23))
    verdict = judge_duty(off, MONDAY - HOUR, MONDAY + timedelta(days=1))
    assert (verdict.finding is not None) == is_late


def test_a_declared_pause_counts_as_neither() -> None:
    paused = duty(SERVER, pauses=(Pause(MONDAY - HOUR, MONDAY + timedelta(days=2)),))
    assert kind_of(judge_duty(paused, MONDAY - 2 * HOUR, MONDAY + timedelta(days=1, hours=23))) is None
    after = judge_duty(paused, MONDAY - 2 * HOUR, MONDAY + timedelta(days=2) + GRACE[SERVER])
    assert after.unmet_at == MONDAY + timedelta(days=2)


def test_days_of_the_schedule_are_those_of_the_tenants_time_zone() -> None:
    """Monday 00:30 in Paris is Sunday in UTC."""
    night = Schedule((Weekday.MON,), parse_schedule("Mon 00:30").at)
    verdict = judge_duty(
        duty(SERVER, night), datetime(2026, 11, 22, 12, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC)
    )
    assert verdict.unmet_at == datetime(2026, 11, 22, 23, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2026, 3, 29), None),  # the clocks go forward: 02:30 is not there
        (date(2026, 3, 28), datetime(2026, 3, 28, 1, 30, tzinfo=UTC)),
        (date(2026, 10, 25), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),  # twice: the first counts
    ],
)
def test_clock_changes_start_a_run_once_or_not_at_all(day: date, expected: datetime | None) -> None:
    at_half_past_two = parse_schedule("daily 02:30")
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=2)
    verdict = judge_duty(Duty("pc-1", SERVER, (at_half_past_two,), PARIS, begin), None, begin + timedelta(hours=23))
    assert verdict.unmet_at == expected


def test_of_a_long_absence_only_the_last_two_months_are_looked_at() -> None:
    verdict = judge_duty(duty(SERVER), None, INSTALLED + timedelta(days=400))
    assert verdict.unmet_at is not None
    assert INSTALLED + timedelta(days=339) < verdict.unmet_at < INSTALLED + timedelta(days=342)
