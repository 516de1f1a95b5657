"""Moments that somebody else wrote: believed between 2000 and tomorrow, and nowhere else. Pure."""

from datetime import UTC, datetime, timedelta

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LEEWAY = timedelta(days=1)
"""How far ahead of us a clock may be and still be taken as it is."""


class UnbelievableTimeError(ValueError):
    """A moment that no honest clock of today gives."""


def check_time(moment: datetime, now: datetime) -> datetime:
    """Return an aware moment in UTC; UnbelievableTimeError before 2000, later than tomorrow, or past what UTC holds."""
    if moment.tzinfo is None:
        raise UnbelievableTimeError("a moment without a time zone")
    try:
        in_utc = moment.astimezone(UTC)
    except OverflowError:
        raise UnbelievableTimeError(f"the year {moment.year}") from None
    if not EARLIEST <= in_utc <= now + LEEWAY:
        raise UnbelievableTimeError(f"{in_utc:%Y-%m-%d %H:%M} UTC")
    return in_utc
