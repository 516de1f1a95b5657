"""Checks the maintenances of platform.yaml: each ends after its begin, and none overlaps another or is too long."""

from collections.abc import Iterator
from datetime import datetime

from coffre.spec.maintenance import LONGEST, parse_local_minute
from coffre.spec.parsing.lookup import Data, block, blocks
from coffre.spec.problems.problems import FileProblem, Loc
from coffre.spec.values.clock_changes import list_changes
from coffre.spec.values.fields import VALUE
from coffre.spec.values.timezones import DEFAULT_TIMEZONE, is_timezone


def check_maintenance(data: Data) -> Iterator[FileProblem]:
    """Yield the findings over the maintenances of every platform."""
    timezone = block(data, "working_hours").get("timezone", DEFAULT_TIMEZONE)
    zone = timezone if isinstance(timezone, str) and is_timezone(timezone) else DEFAULT_TIMEZONE
    for name, platform in blocks(data, "platforms").items():
        entries = platform.get("maintenance")
        taken: list[tuple[datetime, datetime]] = []
        for place, entry in enumerate(entries if isinstance(entries, list) else []):
            if isinstance(entry, dict):
                yield from _check(("platforms", name, "maintenance", place), entry, zone, taken)


def _check(loc: Loc, entry: Data, zone: str, taken: list[tuple[datetime, datetime]]) -> Iterator[FileProblem]:
    times = {key: _read(entry, key) for key in ("begins", "ends")}
    for key, at in times.items():
        if at is not None and any(change.first <= at < change.end for change in list_changes(zone)):
            hint = "write a time that exists once on that day"
            yield FileProblem((*loc, key), f"{VALUE} is skipped or repeated by a clock change ({zone})", hint)
    begins, ends = times["begins"], times["ends"]
    if begins is None or ends is None:
        return
    if ends <= begins:
        yield FileProblem(
            (*loc, "ends"), f"{VALUE} is not after its begin ({begins:%Y-%m-%d %H:%M})", "check both times"
        )
        return
    if ends - begins > LONGEST:
        yield FileProblem((*loc, "ends"), f"{VALUE} is more than 72 hours after its begin", "declare two maintenances")
    for first, last in taken:
        if begins < last and first < ends:
            message = f"{VALUE} is within another maintenance of the platform ({first:%Y-%m-%d %H:%M})"
            yield FileProblem((*loc, "begins"), message, "make one of the two")
    taken.append((begins, ends))


def _read(entry: Data, key: str) -> datetime | None:
    value = entry.get(key)
    return parse_local_minute(value) if isinstance(value, str) else None
