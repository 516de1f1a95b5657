"""Foresees the day on which a tenant's sold quota is reached, from its recorded daily volume. Pure.

The growth of each machine is the median of its growth over a week: a first full backup, a deletion or a move of files
is one step, which no median of many weeks sees, and a machine that backs up once a week grows evenly.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from statistics import median

from coffre.records.activity import Usage

WINDOW_DAYS = 60
"""Older days say little about the growth of today."""
WEEK = 7
SETTLING_DAYS = 3
"""A machine's first backup takes days: its first days do not count as growth."""
DAYS_AT_LEAST = 15
"""With fewer days of a machine, a single step would be taken for its growth."""
KNOWN_PART_AT_LEAST = 0.9
"""The machines with enough history must hold that part of all bytes."""
_FAR = 3650


class Outlook(StrEnum):
    """What a forecast can say."""

    REACHED = "reached"
    GROWING = "growing"
    """The quota is reached on a day."""
    STEADY = "steady"
    """It shrinks, or it grows so slowly that the quota is not reached within ten years."""
    UNKNOWN = "unknown"
    """Not enough history."""


@dataclass(frozen=True)
class Forecast:
    """The outlook; ``reached_on`` for a growing tenant, ``bytes_a_day`` its growth, negative when it shrinks.

    The growth is None when the history is too short to tell it.

    ``days`` is how many days of history the forecast rests on, those of the machine with the fewest.
    """

    outlook: Outlook
    reached_on: date | None = None
    bytes_a_day: float | None = None
    days: int = 0


def foresee(usages: Iterable[Usage], quota_bytes: int, today: date) -> Forecast:
    """Return the forecast for a tenant from the daily usage of its machines."""
    sizes: dict[str, dict[date, int]] = defaultdict(dict)
    for usage in usages:
        if today - timedelta(days=WINDOW_DAYS) <= usage.measured_on <= today:
            sizes[usage.machine][usage.measured_on] = usage.current_bytes
    used_bytes = sum(days[max(days)] for days in sizes.values())
    is_reached = used_bytes >= quota_bytes
    histories = {machine: _settled(days, today) for machine, days in sizes.items()}
    known = {machine: days for machine, days in histories.items() if len(days) >= DAYS_AT_LEAST}
    known_bytes = sum(days[max(days)] for days in known.values())
    if not known or known_bytes < used_bytes * KNOWN_PART_AT_LEAST:
        days_known = min(map(len, histories.values()), default=0)
        return Forecast(Outlook.REACHED if is_reached else Outlook.UNKNOWN, days=days_known)
    bytes_a_day = sum(_growth(days) for days in known.values())
    days_known = min(map(len, known.values()))
    if is_reached:
        return Forecast(Outlook.REACHED, None, bytes_a_day, days_known)
    if bytes_a_day <= 0 or (quota_bytes - used_bytes) / bytes_a_day > _FAR:
        return Forecast(Outlook.STEADY, None, bytes_a_day, days_known)
    # The day on which it is reached, not the last one before: rounded up.
    left = -int(-(quota_bytes - used_bytes) // bytes_a_day)
    return Forecast(Outlook.GROWING, today + timedelta(days=left), bytes_a_day, days_known)


def _settled(days: Mapping[date, int], today: date) -> dict[date, int]:
    """Leave out a machine's first days, unless it is older than the window."""
    first = min(days)
    is_older = first <= today - timedelta(days=WINDOW_DAYS)
    since = first if is_older else first + timedelta(days=SETTLING_DAYS)
    return {day: size for day, size in days.items() if day >= since}


def _growth(days: Mapping[date, int]) -> float:
    """Return the median growth a day between days that are a week apart; 0 where no two are."""
    weekly = [
        (size - days[earlier]) / WEEK for day, size in days.items() if (earlier := day - timedelta(days=WEEK)) in days
    ]
    return median(weekly) if weekly else 0.0
