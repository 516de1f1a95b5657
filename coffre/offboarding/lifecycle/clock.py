"""The day of a departure, and the check of the clocks."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from coffre.errors import RefusedError
from coffre.spec.tenant import Tenant
from coffre.storage.driver import Storage
from coffre.tenant.embedded import EmbeddedProof
from coffre.tenant.lookup import local_today
from coffre.workspace.clock import utc_now

CLOCK_TOLERANCE_SECONDS = 300.0


def read_today(tenant: Tenant, embedded: EmbeddedProof, asked: date | None) -> date:
    """Return the customer's current day, or on the embedded platform the requested one; elsewhere RefusedError."""
    if asked is None:
        return local_today(tenant)
    if not embedded.is_proved:
        raise RefusedError(
            f"--today is refused: {tenant.storage.platform} is not the platform that `coffre lab up` made here "
            f"({embedded.why_not})",
            "On a real platform the day is always today.",
        )
    return asked


def check_day_of_erasure(
    tenant: Tenant, storage: Storage, embedded: EmbeddedProof, today: date, first_on: date
) -> None:
    """Refuse to erase unless this computer's clock and the platform's agree, and both have reached the day.

    The platform's clock is read from its answer to a signed request. A day that was set, on the embedded platform, is
    not compared with it.
    """
    began = utc_now()
    stated = storage.probe_server_time()
    refuse_apart((stated - began).total_seconds())
    if today == local_today(tenant) or not embedded.is_proved:
        refuse_before(first_on, (today, day_of(stated, tenant.timezone)))


def day_of(moment: datetime, timezone: str) -> date:
    """Return the day of a time in a time zone. Pure."""
    return moment.astimezone(ZoneInfo(timezone)).date()


def refuse_before(first_on: date, days: tuple[date, ...]) -> None:
    """Refuse to erase before the first day, by any of the clocks' days. Pure."""
    if min(days) < first_on:
        raise RefusedError(
            f"the platform's clock or this computer's shows {min(days)}, and nothing is erased before {first_on}",
            f"Run the same command again on {first_on}.",
        )


def refuse_apart(offset_seconds: float) -> None:
    """Refuse clocks that differ by more than five minutes; the offset is the platform's lead. Pure."""
    if abs(offset_seconds) > CLOCK_TOLERANCE_SECONDS:
        way = "ahead of" if offset_seconds > 0 else "behind"
        raise RefusedError(
            f"the platform's clock is {abs(offset_seconds):.0f} s {way} this computer's: nothing is erased",
            "Correct the wrong one (both by NTP), then run the same command again.",
        )
