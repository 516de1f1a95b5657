"""Whether a moment is working time by platform.yaml's calendar: work at other times is billed (article 6). Pure."""

import datetime
from zoneinfo import ZoneInfo

from coffre.spec.platform import WorkingHours
from coffre.spec.values.schedule import Weekday

_WEEK = tuple(Weekday)


def is_working_time(hours: WorkingHours, moment: datetime.datetime) -> bool:
    """Tell whether an aware moment is working time: from opens, up to closes and not at it, by the calendar's clock."""
    return not why_not(hours, moment)


def why_not(hours: WorkingHours, moment: datetime.datetime) -> str:
    """Return why an aware moment is no working time, empty when it is."""
    local = _local(hours, moment)
    if local.date() in hours.holidays:
        return f"{local:%Y-%m-%d} is a holiday"
    weekday = _WEEK[local.weekday()]
    if weekday not in hours.days:
        return f"{weekday} is no working day"
    # Compared as the clock on the wall shows them: an hour that a change of time repeats or skips needs no rule.
    if not hours.opens <= local.time() < hours.closes:
        return f"{local:%H:%M} is not between {hours.opens:%H:%M} and {hours.closes:%H:%M}, {hours.timezone}"
    return ""


def calendar_gap(hours: WorkingHours, moment: datetime.datetime) -> str:
    """Return a warning when the calendar names holidays, but none of this year: then they pass for working days."""
    year = _local(hours, moment).year
    if not hours.holidays or any(day.year == year for day in hours.holidays):
        return ""
    gap = f"working_hours.holidays of platform.yaml has no day of {year}"
    return f"{gap}: public holidays are taken for working days; add them"


def _local(hours: WorkingHours, moment: datetime.datetime) -> datetime.datetime:
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone is not on any calendar")
    return moment.astimezone(ZoneInfo(hours.timezone))
