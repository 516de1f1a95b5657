"""Times on the command line: how often something is done, and local ones in the time zone of working_hours."""

from datetime import UTC, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from coffre.errors import UsageError
from coffre.spec.values.clock_changes import list_changes

FORMAT = "%Y-%m-%d %H:%M"
AT_LEAST = timedelta(seconds=5)
"""The shortest time between two rounds."""
_UNITS = {"s": 1, "m": 60, "h": 3600}

_FORMATS = [FORMAT, f"{FORMAT}:%S"]
Begins = Annotated[
    datetime, typer.Option(formats=_FORMATS, metavar="TIME", help='Its begin, "2026-12-10 22:00", local time.')
]
Ends = Annotated[datetime, typer.Option(formats=_FORMATS, metavar="TIME", help="Its end, likewise.")]


def in_zone(local: datetime, timezone: str) -> datetime:
    """Return the aware time that a local one means; UsageError for one that a clock change skips or repeats."""
    if any(change.first <= local < change.end for change in list_changes(timezone)):
        raise UsageError(
            f"{local:{FORMAT}} is skipped or repeated by a clock change ({timezone})",
            "Write a time that exists once on that day.",
        )
    return local.replace(tzinfo=ZoneInfo(timezone)).astimezone(UTC)


def parse_every(text: str, usual: str, at_most: str) -> timedelta:
    """Return the time of --every, from 5 seconds to ``at_most``; UsageError otherwise."""
    found = _parse(text)
    if found is None:
        raise UsageError(f"--every {text} is no time", f"Write a number with s, m or h, like {usual}.")
    if not AT_LEAST <= found <= (_parse(at_most) or found):
        hint = f"The contract asks for supervision; {usual} is usual."
        raise UsageError(f"--every {text} is not between 5s and {at_most}", hint)
    return found


def parse_within(text: str) -> timedelta:
    """Return the time of --within, from 1 minute to a day; UsageError otherwise."""
    found = _parse(text)
    if found is None or not timedelta(minutes=1) <= found <= timedelta(days=1):
        raise UsageError(f"--within {text} is no time from 1m to 24h", "Write a number with m or h, like 4h.")
    return found


def _parse(text: str) -> timedelta | None:
    count, unit = text[:-1], text[-1:]
    if not (count.isascii() and count.isdigit() and unit in _UNITS):
        return None
    return timedelta(seconds=int(count[:6]) * _UNITS[unit])
