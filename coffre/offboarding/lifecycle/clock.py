"""The day that a departure goes by, and whether the clocks that say so can be believed."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from coffre.errors import RefusedError
from coffre.tenant.service import Service, local_today
from coffre.workspace.clock import utc_now

CLOCK_TOLERANCE_SECONDS = 300.0


def read_today(service: Service, asked: date | None) -> date:
    """Return the customer's day, or on the embedded platform the one asked for; RefusedError for that elsewhere."""
    if asked is None:
        return local_today(service.tenant)
    if not service.is_embedded:
        raise RefusedError(
            f"--today is refused: {service.tenant.storage.platform} is not the platform that `coffre lab up` made here "
            f"({service.why_not_embedded})",
            "On a real platform the day is the one that it is.",
        )
    return asked


def check_day_of_erasure(service: Service, today: date, first_on: date) -> None:
    """Refuse to erase unless this computer's clock and the platform's agree, and both say that the day is there.

    The platform's clock is read from its answer to a signed request. A day that was set, as the embedded platform lets
    one, is not held against it.
    """
    began = utc_now()
    stated = service.storage.probe_server_time()
    refuse_apart((stated - began).total_seconds())
    if today == local_today(service.tenant) or not service.is_embedded:
        refuse_before(first_on, (today, day_of(stated, service.tenant.timezone)))


def day_of(moment: datetime, timezone: str) -> date:
    """Return the day that a moment belongs to in a time zone. Pure."""
    return moment.astimezone(ZoneInfo(timezone)).date()


def refuse_before(first_on: date, days: tuple[date, ...]) -> None:
    """Refuse to erase before its first day, by any of the days that clocks give. Pure."""
    if min(days) < first_on:
        raise RefusedError(
            f"it is {min(days)} by the platform's clock or this computer's, and nothing is erased before {first_on}",
            f"Run the same command again on {first_on}.",
        )


def refuse_apart(offset_seconds: float) -> None:
    """Refuse clocks that are more than five minutes apart; the offset is the platform's lead. Pure."""
    if abs(offset_seconds) > CLOCK_TOLERANCE_SECONDS:
        way = "ahead of" if offset_seconds > 0 else "behind"
        raise RefusedError(
            f"the platform's clock is {abs(offset_seconds):.0f} s {way} this computer's: nothing is erased",
            "Set the wrong one right (both by NTP), then run the same command again.",
        )
