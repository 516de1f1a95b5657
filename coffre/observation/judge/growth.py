"""Measures how fast a tenant's backups grow, from its recorded usage. Pure."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta

from coffre.records.activity import Usage

WINDOW = timedelta(days=2)
"""Only usage of these days before today tells the growth of the last day."""


def measure_growth(usages: Iterable[Usage], today: date) -> float | None:
    """Return the growth of the current bytes of all machines in bytes per second, never below 0.

    Between the last measurements of the two newest days within the window; None when there are no two.
    """
    sums: dict[date, int] = defaultdict(int)
    times: dict[date, datetime] = {}
    for usage in usages:
        day = usage.measured_on
        if today - WINDOW <= day <= today:
            sums[day] += usage.current_bytes
            times[day] = max(usage.measured_at, times.get(day, usage.measured_at))
    if len(sums) < 2:
        return None
    before, last = sorted(sums)[-2:]
    seconds = (times[last] - times[before]).total_seconds()
    return max(0.0, (sums[last] - sums[before]) / seconds) if seconds > 0 else None


def last_current_bytes(usages: Iterable[Usage]) -> int | None:
    """Return the current bytes of all machines on the newest day; None without any usage."""
    known = list(usages)
    newest = max((usage.measured_on for usage in known), default=None)
    return None if newest is None else sum(usage.current_bytes for usage in known if usage.measured_on == newest)
