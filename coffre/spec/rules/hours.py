"""Checks the hours of plans against the clock changes in the tenant's time zone."""

from collections.abc import Iterator

from coffre.spec.parsing.lookup import Data, blocks
from coffre.spec.problems.problems import FileProblem
from coffre.spec.values.clock_changes import Unlucky, find_unlucky
from coffre.spec.values.fields import VALUE
from coffre.spec.values.schedule import ScheduleError, parse_schedule
from coffre.spec.values.timezones import DEFAULT_TIMEZONE, is_timezone


def check_hours(data: Data) -> Iterator[FileProblem]:
    """Yield the schedules whose time a clock change skips or repeats; a leaving tenant is not checked."""
    timezone = data.get("timezone", DEFAULT_TIMEZONE)
    if not isinstance(timezone, str) or not is_timezone(timezone) or data.get("status") in ("leaving", "closed"):
        return
    for name, plan in blocks(data, "plans").items():
        schedule = plan.get("schedule")
        for place, text in enumerate(schedule if isinstance(schedule, list) else []):
            unlucky = _find(text, timezone)
            if unlucky is not None:
                yield FileProblem(("plans", name, "schedule", place), _describe(unlucky, timezone), _advise(unlucky))


def _find(text: object, timezone: str) -> Unlucky | None:
    try:
        return find_unlucky(parse_schedule(text), timezone) if isinstance(text, str) else None
    except ScheduleError:
        return None


def _describe(unlucky: Unlucky, timezone: str) -> str:
    days = [
        f"{what} on {day}"
        for what, day in (("skips", unlucky.skipped_on), ("repeats", unlucky.doubled_on))
        if day is not None
    ]
    return (
        f"{VALUE} starts, or may start up to 15 minutes later, at a time that a clock change {' and '.join(days)}"
        f" ({timezone})"
    )


def _advise(unlucky: Unlucky) -> str:
    lucky = [
        *([f"{unlucky.earlier:%H:%M} or earlier"] if unlucky.earlier else []),
        *([f"{unlucky.later:%H:%M} or later"] if unlucky.later else []),
    ]
    return f"a backup would be skipped or made twice: write {', or '.join(lucky) or 'other days'}"
