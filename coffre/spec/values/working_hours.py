"""Tells whether a time is working time, by platform.yaml and France's public holidays: other work is billed. Pure."""

import datetime
from functools import cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from coffre.spec.platform import WorkingHours
from coffre.spec.values.schedule import Weekday

if TYPE_CHECKING:
    from holidays import HolidayBase

_WEEK = tuple(Weekday)


def why_not(hours: WorkingHours, moment: datetime.datetime) -> str:
    """Return why a time is outside working hours, empty when inside: from opens (included) to closes (excluded)."""
    local = _local(hours, moment)
    if _is_holiday(hours, local.date()):
        return f"{local:%Y-%m-%d} is a holiday"
    weekday = _WEEK[local.weekday()]
    if weekday not in hours.days:
        return f"{weekday} is not a working day"
        # Compares local clock times: an hour that a clock change repeats or skips needs no rule.
    if not hours.opens <= local.time() < hours.closes:
        return f"{local:%H:%M} is not between {hours.opens:%H:%M} and {hours.closes:%H:%M}, {hours.timezone}"
    return ""


def _is_holiday(hours: WorkingHours, day: datetime.date) -> bool:
    return day in hours.holidays or day in public_holidays()


@cache
def public_holidays() -> "HolidayBase":
    """Return France's public holidays of every year."""
    # Imported here: the import takes 0.1 s, which every command would spend.
    from holidays import country_holidays

    return country_holidays("FR")


def _local(hours: WorkingHours, moment: datetime.datetime) -> datetime.datetime:
    if moment.tzinfo is None:
        raise ValueError("a time without a time zone has no calendar day")
    return moment.astimezone(ZoneInfo(hours.timezone))
