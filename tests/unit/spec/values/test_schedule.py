"""Schedules: every form of the grammar, and nothing beside it."""

import datetime

import pytest

from coffre.spec.values.schedule import Schedule, ScheduleError, Weekday, parse_schedule

WEEK = tuple(Weekday)


@pytest.mark.parametrize(
    ("text", "days", "time"),
    [
        ("daily 19:00", WEEK, (19, 0)),
        ("Mon 00:00", (Weekday.MON,), (0, 0)),
        ("Wed,Mon 12:30", (Weekday.MON, Weekday.WED), (12, 30)),
        ("Mon..Fri 07:05", WEEK[:5], (7, 5)),
        ("Mon,Fri..Sun 23:59", (Weekday.MON, *WEEK[4:]), (23, 59)),
    ],
)
def test_days_come_in_the_order_of_the_week(text: str, days: tuple[Weekday, ...], time: tuple[int, int]) -> None:
    assert parse_schedule(text) == Schedule(days, datetime.time(*time))


@pytest.mark.parametrize("text", ["daily 19:00", "Mon,Wed 12:30", "Mon,Tue,Wed,Thu,Fri 07:30"])
def test_a_schedule_written_out_reads_the_same(text: str) -> None:
    assert str(parse_schedule(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", "daily", "19:00", "daily 7:30", "daily 24:00", "daily 12:60", "Mon..Mon 10:00", "Sat..Mon 10:00",
     "Mon,Mon 10:00", "Mon, Wed 10:00", "mon 10:00", "DAILY 10:00", "Mon-Fri 10:00", "Mon... 10:00", "..Fri 10:00",
     "daily 10:00:00", "daily ١٠:٠٠", "2026-01-01 10:00"],
)  # fmt: skip
def test_other_forms_are_refused(text: str) -> None:
    with pytest.raises(ScheduleError):
        parse_schedule(text)
