"""A late backup is found from the schedule, in the customer's time zone."""

from datetime import UTC, datetime, time, timedelta

import pytest

from coffre.observation.judge.overdue import GRACE, find_last_due, is_overdue
from coffre.spec.tenant import Schedule, Weekday

WORKDAYS_NOON = [Schedule(days=(Weekday.MON, Weekday.TUE, Weekday.WED, Weekday.THU, Weekday.FRI), at=time(12, 30))]
PARIS = "Europe/Paris"
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("until", "expected"),
    [
        ("2026-11-23 11:30", "2026-11-23 11:30"),  # Monday, 12:30 in Paris to the minute
        ("2026-11-23 11:29", "2026-11-20 11:30"),  # a minute before it: Friday's
        ("2026-11-22 23:00", "2026-11-20 11:30"),  # Sunday
        ("2026-07-06 10:30", "2026-07-06 10:30"),  # summer time
    ],
)
def test_last_due_moment_is_counted_in_the_customers_time_zone(until: str, expected: str) -> None:
    assert find_last_due(WORKDAYS_NOON, PARIS, at(until)) == at(expected)


def test_nothing_scheduled_is_never_due() -> None:
    assert find_last_due([], PARIS, at("2026-11-23 11:30")) is None
    assert not is_overdue([], PARIS, now=at("2026-11-23 11:30"), expected_since=LONG_AGO, last_success_at=None)


def test_a_run_is_late_only_after_its_grace() -> None:
    due = at("2026-11-23 11:30")
    friday = at("2026-11-20 12:00")

    def late(now: datetime, last: datetime | None) -> bool:
        return is_overdue(WORKDAYS_NOON, PARIS, now=now, expected_since=LONG_AGO, last_success_at=last)

    assert not late(due + GRACE - timedelta(minutes=1), friday)
    assert late(due + GRACE, friday)
    assert not late(due + GRACE, due + timedelta(minutes=5))
    assert late(due + GRACE, None)


def test_a_machine_installed_since_is_not_late() -> None:
    now = at("2026-11-24 09:00")
    installed_after_due = at("2026-11-23 15:00")
    assert not is_overdue(WORKDAYS_NOON, PARIS, now=now, expected_since=installed_after_due, last_success_at=None)
    assert not is_overdue(WORKDAYS_NOON, PARIS, now=now, expected_since=None, last_success_at=None)
