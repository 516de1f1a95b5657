"""Checks foreign times: only those between 2000 and tomorrow are accepted. Pure."""

from datetime import UTC, datetime, timedelta

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LEEWAY = timedelta(days=1)
"""How far ahead of this computer another clock may be."""


class UnbelievableTimeError(ValueError):
    """A time that no correct clock of today gives."""


def check_time(moment: datetime, now: datetime) -> datetime:
    """Return an aware time in UTC; UnbelievableTimeError before 2000, later than tomorrow, or beyond UTC's range."""
    if moment.tzinfo is None:
        raise UnbelievableTimeError("a time without a time zone")
    try:
        in_utc = moment.astimezone(UTC)
    except OverflowError:
        raise UnbelievableTimeError(f"the year {moment.year}") from None
    if not EARLIEST <= in_utc <= now + LEEWAY:
        raise UnbelievableTimeError(f"{in_utc:%Y-%m-%d %H:%M} UTC")
    return in_utc
