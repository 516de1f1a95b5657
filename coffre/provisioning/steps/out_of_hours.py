"""Changes outside working hours: announced before, and recorded, since the customer is billed for its own changes."""

from datetime import datetime

from coffre.records.facts.contract import OutOfHoursApply
from coffre.spec.platform import WorkingHours
from coffre.spec.values.working_hours import why_not
from coffre.tenant.estate.log import Log


def hours_warnings(hours: WorkingHours, now: datetime) -> tuple[str, ...]:
    """Return the warning that now is outside working hours, if it is. Pure."""
    reason = why_not(hours, now)
    outside = f"outside working hours ({reason}): work that the customer asked for is billed (contract, article 6)"
    return (outside,) if reason else ()


def record_out_of_hours(log: Log, hours: WorkingHours, now: datetime) -> tuple[str, ...]:
    """Record an apply that starts outside working hours, with the reason; returns the warnings for now."""
    reason = why_not(hours, now)
    if reason:
        log.append(OutOfHoursApply(reason))
    return hours_warnings(hours, now)
