"""The clock of this computer. Rules get a moment handed in; whoever acts asks here."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the moment, aware, in UTC."""
    return datetime.now(UTC)
