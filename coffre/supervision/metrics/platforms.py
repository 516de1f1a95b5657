"""The figures of platforms, from the records alone: what probes say of each, and what is left of its yearly budget."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from coffre.records.database.store import Records
from coffre.records.probes import CLOSE
from coffre.spec.platform import PlatformFile
from coffre.supervision.availability.known import KnownPlatform, read_platforms
from coffre.supervision.judge.availability import Availability
from coffre.supervision.judge.outages import find_outages, leave_out_unknown
from coffre.supervision.judge.platform import find_maintenance


@dataclass(frozen=True)
class PlatformFigures:
    """The figures of a platform that was probed this year.

    ``last_probe_at`` is the newest probe that says anything, ``is_up`` None when it is too old: unknown.
    """

    name: str
    last_probe_at: datetime
    is_up: bool | None
    is_in_maintenance: bool
    year: Availability


def list_platform_figures(records: Records, settings: PlatformFile, now: datetime) -> list[PlatformFigures]:
    """Return the figures of the platforms of these settings; one that nobody probed has none."""
    zone = settings.working_hours.timezone
    year = now.astimezone(ZoneInfo(zone)).year
    known = read_platforms(records, year, zone)
    found = (_figures(known.get(name), year, zone, now) for name in settings.platforms)
    return [each for each in found if each is not None]


def _figures(known: KnownPlatform, year: int, zone: str, now: datetime) -> PlatformFigures | None:
    newest = max((each.ends_at for each in leave_out_unknown(known.spans)), default=None)
    if newest is None:
        return None
    return PlatformFigures(
        known.name,
        newest,
        _is_up(known, newest, now),
        find_maintenance(known.maintenances, now) is not None,
        known.judge(year, zone, now),
    )


def _is_up(known: KnownPlatform, newest: datetime, now: datetime) -> bool | None:
    """Tell whether no outage goes on: one or two failures are none."""
    if now - newest > CLOSE:
        return None
    return not any(each.is_going_on for each in find_outages(known.spans, now))
