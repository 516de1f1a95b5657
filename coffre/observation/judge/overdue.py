"""When a machine's backup was last due, and whether it is late. Pure."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from coffre.spec.tenant import Schedule, Weekday

GRACE = timedelta(hours=12)
"""How long after its scheduled time a run may still be in progress: the agent's own deadline for one run."""

_WEEKDAYS = tuple(Weekday)


def find_last_due(schedules: Iterable[Schedule], timezone: str, until: datetime) -> datetime | None:
    """Return the last scheduled time at or before ``until`` (aware) within a week; None when nothing is scheduled."""
    zone = ZoneInfo(timezone)
    local = until.astimezone(zone)
    moments = []
    for schedule in schedules:
        for days_ago in range(8):
            on = local.date() - timedelta(days=days_ago)
            if _WEEKDAYS[on.weekday()] in schedule.days:
                moments.append(datetime.combine(on, schedule.at, zone))
    # `coffre check` refuses times that a clock change skips; older orders with such a time start nothing on that day.
    moments = [each for each in moments if each.astimezone(UTC).astimezone(zone).time() == each.time()]
    return max((moment for moment in moments if moment <= until), default=None)


def is_overdue(
    schedules: Iterable[Schedule],
    timezone: str,
    *,
    now: datetime,
    expected_since: datetime | None,
    last_success_at: datetime | None,
) -> bool:
    """Tell whether a run that should be over has no success; a machine that is not yet installed is never late.

    ``expected_since``: the time since when it must back up, None when it must not.
    """
    due_at = find_last_due(schedules, timezone, now - GRACE)
    if due_at is None or expected_since is None or due_at < expected_since:
        return False
    return last_success_at is None or last_success_at < due_at
