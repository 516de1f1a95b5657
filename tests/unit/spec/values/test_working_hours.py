"""The calendar at its edges: opening and closing, midnight, holidays, the days on which the clocks change."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from coffre.spec.platform import WorkingHours
from coffre.spec.values.working_hours import why_not

PARIS = ZoneInfo("Europe/Paris")
BASE = {"days": "Mon..Fri", "opens": "08:30", "closes": "18:00", "holidays": ["2026-12-25", "2026-11-11"]}


def hours(**changes: Any) -> WorkingHours:
    return WorkingHours.model_validate({**BASE, **changes})


@pytest.mark.parametrize(
    ("local", "reason"),
    [
        ("2026-11-24 08:30:00", ""),
        ("2026-11-24 08:29:59", "08:29 is not between 08:30 and 18:00, Europe/Paris"),
        ("2026-11-24 17:59:59", ""),
        ("2026-11-24 18:00:00", "18:00 is not between 08:30 and 18:00, Europe/Paris"),
        ("2026-11-28 10:00:00", "Sat is not a working day"),
        ("2026-11-11 10:00:00", "2026-11-11 is a holiday"),
        ("2026-11-10 23:59:59", "23:59 is not between 08:30 and 18:00, Europe/Paris"),
        ("2026-11-11 00:00:00", "2026-11-11 is a holiday"),
        ("2026-11-12 00:00:00", "00:00 is not between 08:30 and 18:00, Europe/Paris"),
    ],
)
def test_a_moment_is_judged_by_the_clock_on_the_wall(local: str, reason: str) -> None:
    moment = datetime.fromisoformat(local).replace(tzinfo=PARIS)
    assert why_not(hours(), moment) == reason
    assert why_not(hours(), moment.astimezone(UTC)) == reason


def test_the_day_is_the_calendars_own_not_utcs() -> None:
    late = datetime(2026, 11, 10, 23, 30, tzinfo=UTC)
    assert "holiday" in why_not(hours(), late)
    assert "holiday" not in why_not(hours(timezone="UTC"), late)


@pytest.mark.parametrize(
    ("utc", "is_open"),
    [
        ("2026-03-27 07:29", False),
        ("2026-03-27 07:30", True),
        ("2026-03-30 06:29", False),
        ("2026-03-30 06:30", True),
        ("2026-10-23 06:30", True),
        ("2026-10-26 06:30", False),
        ("2026-10-26 07:30", True),
    ],
)
def test_opening_moves_with_the_clocks(utc: str, is_open: bool) -> None:
    reason = why_not(hours(), datetime.fromisoformat(utc).replace(tzinfo=UTC))
    assert (reason == "") is is_open


def test_an_hour_that_comes_twice_counts_twice_and_one_that_never_comes_not_at_all() -> None:
    night = hours(days="Sun", opens="02:00", closes="03:00", holidays=[])
    autumn = [datetime(2026, 10, 25, hour, 30, tzinfo=UTC) for hour in range(4)]
    assert [not why_not(night, moment) for moment in autumn] == [True, True, False, False]
    spring = [datetime(2026, 3, 29, hour, 30, tzinfo=UTC) for hour in range(4)]
    assert [not why_not(night, moment) for moment in spring] == [False] * 4


LISTED_BY_HAND = [
    "2026-01-01",
    "2026-04-06",
    "2026-05-01",
    "2026-05-08",
    "2026-05-14",
    "2026-05-25",
    "2026-07-14",
    "2026-08-15",
    "2026-11-01",
    "2026-11-11",
    "2026-12-25",
    "2027-01-01",
    "2027-03-29",
    "2027-05-01",
    "2027-05-06",
    "2027-05-08",
    "2027-05-17",
    "2027-07-14",
    "2027-08-15",
    "2027-11-01",
    "2027-11-11",
    "2027-12-25",
]
"""The public holidays of France as platform.yaml listed them before they were known."""


@pytest.mark.parametrize("listed", [[], LISTED_BY_HAND], ids=["none listed", "all listed"])
def test_the_public_holidays_of_france_are_known_and_no_others(listed: list[str]) -> None:
    every_day = hours(days="Mon..Sun", holidays=listed)
    days = [date(2026, 1, 1) + timedelta(days=count) for count in range(2 * 365)]
    noons = [datetime(day.year, day.month, day.day, 12, tzinfo=PARIS) for day in days]
    assert [f"{noon:%Y-%m-%d}" for noon in noons if why_not(every_day, noon)] == LISTED_BY_HAND


def test_the_public_holidays_of_years_that_no_file_lists_are_known() -> None:
    assert why_not(hours(), datetime(2031, 5, 1, 10, tzinfo=PARIS)) == "2031-05-01 is a holiday"
    # The first of January begins in Paris an hour before it does in UTC.
    assert "holiday" in why_not(hours(), datetime(2030, 12, 31, 23, 0, tzinfo=UTC))


def test_the_days_of_the_file_are_holidays_too() -> None:
    bridge = datetime(2026, 5, 15, 10, tzinfo=PARIS)
    assert why_not(hours(), bridge) == ""
    assert why_not(hours(holidays=["2026-05-15"]), bridge) == "2026-05-15 is a holiday"


def test_a_moment_without_a_zone_is_a_fault() -> None:
    with pytest.raises(ValueError, match="without a time zone"):
        why_not(hours(), datetime(2026, 11, 24, 10, 0))  # noqa: DTZ001
