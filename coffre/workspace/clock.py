"""The clock of this computer. Pure rules take the time as a parameter; other code gets it here."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the current time, aware, in UTC."""
    return datetime.now(UTC)
