"""The schedule of a plan: ``DAYS HH:MM``, a grammar that systemd, Task Scheduler and launchd all support."""

import datetime
import re
from dataclasses import dataclass
from enum import StrEnum

GRAMMAR = 'write DAYS HH:MM, like "daily 19:00", "Mon,Wed 12:30" or "Mon..Fri 07:30"'


class Weekday(StrEnum):
    """A day of the week, as the schedule names it."""

    MON = "Mon"
    TUE = "Tue"
    WED = "Wed"
    THU = "Thu"
    FRI = "Fri"
    SAT = "Sat"
    SUN = "Sun"


_WEEK = tuple(Weekday)
# The usual spellings of a day in English or French, by its first letters.
_MEANT = {
    "mo": "Mon", "tu": "Tue", "we": "Wed", "th": "Thu", "fr": "Fri", "sa": "Sat", "su": "Sun",
    "lu": "Mon", "ma": "Tue", "me": "Wed", "je": "Thu", "ve": "Fri", "di": "Sun",
}  # fmt: skip


class ScheduleError(ValueError):
    """A text is not a schedule; ``problem`` completes a sentence about the text, ``hint`` says what to write."""

    def __init__(self, problem: str, hint: str = GRAMMAR) -> None:
        super().__init__(f"{problem}; {hint}")
        self.problem = problem
        self.hint = hint


@dataclass(frozen=True)
class Schedule:
    """Some days of the week, in the week's order, and the local time at which the plan starts."""

    days: tuple[Weekday, ...]
    at: datetime.time

    def __str__(self) -> str:
        days = "daily" if self.days == _WEEK else ",".join(self.days)
        return f"{days} {self.at:%H:%M}"


def parse_schedule(text: str) -> Schedule:
    """Read ``DAYS HH:MM``; ScheduleError says what to write instead."""
    words = text.split()
    if len(words) != 2:
        raise ScheduleError("is not a schedule")
    return Schedule(_parse_days(words[0]), _parse_time(words[1]))


def _parse_days(text: str) -> tuple[Weekday, ...]:
    if text == "daily":
        return _WEEK
    if text.lower() == "daily":
        raise ScheduleError("does not name its days as expected", "write daily in small letters")
    days: list[Weekday] = []
    for part in text.split(","):
        days.extend(_parse_range(part))
    if len(set(days)) != len(days):
        raise ScheduleError("names a day twice", "keep each day once")
    return tuple(day for day in _WEEK if day in days)


def _parse_range(text: str) -> list[Weekday]:
    first, dots, last = text.partition("..")
    start = _parse_day(first)
    if not dots:
        return [start]
    end = _parse_day(last)
    if _WEEK.index(start) >= _WEEK.index(end):
        raise ScheduleError(
            f"has a range of days in the wrong order ({text})", "the week begins on Mon and ends on Sun"
        )
    return list(_WEEK[_WEEK.index(start) : _WEEK.index(end) + 1])


def _parse_day(text: str) -> Weekday:
    try:
        return Weekday(text)
    except ValueError:
        meant = _MEANT.get(text[:2].lower())
        if meant and "-" in text:
            raise ScheduleError(
                f"joins days with a hyphen ({text[:30]})", "write a range with two dots, like Mon..Fri"
            ) from None
        hint = f"write {meant}" if meant else f"days are {', '.join(_WEEK)}, or daily for all of them"
        raise ScheduleError(f'has an unknown day "{text[:30]}"', hint) from None


def _parse_time(text: str) -> datetime.time:
    match = re.fullmatch(r"([0-9]{1,2})[:hH.]([0-9]{2})", text)
    if match is None:
        raise ScheduleError(f'has "{text[:30]}" instead of a time')
    hour, minute = int(match[1]), int(match[2])
    if hour > 23 or minute > 59:
        raise ScheduleError(f"has an impossible time ({text})", "hours run from 00 to 23, minutes from 00 to 59")
    if text != f"{hour:02}:{minute:02}":
        raise ScheduleError(f"has a time in the wrong form ({text})", f"write {hour:02}:{minute:02}")
    return datetime.time(hour, minute)
