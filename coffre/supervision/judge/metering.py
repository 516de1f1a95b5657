"""What of a look is kept as the measurement of a day (contract, articles 8 and 10). Pure.

A missed day is a gap, never a guess.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from coffre.observation.judge.filling import MachineStore
from coffre.records.activity import Midnight, Usage
from coffre.supervision.judge.quota import Use

MIDNIGHT_WITHIN = timedelta(hours=1)
"""A look that comes later does not say what there was at 00:00."""


@dataclass(frozen=True)
class Metered:
    """The newest days that were measured: ``usage_on`` in the tenant's time zone, ``midnight_on`` in the provider's."""

    usage_on: date | None = None
    midnight_on: date | None = None


@dataclass(frozen=True)
class Measurements:
    """What is to be kept of a look, and the newest measured days after it."""

    metered: Metered
    usages: tuple[Usage, ...] = ()
    midnights: tuple[Midnight, ...] = ()


@dataclass(frozen=True)
class Zones:
    """The IANA time zones of a tenant and of the provider."""

    tenant: str
    provider: str


def measure_day(
    tenant_id: str, stores: Mapping[str, MachineStore], use: Use, metered: Metered, zones: Zones
) -> Measurements:
    """Return what the first look of a day measured; nothing when not every machine was seen, or on a later look.

    The volume of a machine that a command measures later on the same day replaces this one.
    """
    if use.current_bytes is None:
        return Measurements(metered)
    usage_on, midnight_on = metered.usage_on, metered.midnight_on
    usages: tuple[Usage, ...] = ()
    midnights: tuple[Midnight, ...] = ()
    today = use.at.astimezone(ZoneInfo(zones.tenant)).date()
    if usage_on != today:
        usage_on = today
        usages = tuple(
            Usage(tenant_id, name, today, each.current_bytes, each.stored_bytes, use.at)
            for name, each in stores.items()
        )
    day, since = _since_midnight(use.at, zones.provider)
    if midnight_on != day and since <= MIDNIGHT_WITHIN:
        midnight_on = day
        midnights = (Midnight(tenant_id, day, use.current_bytes, use.stored_bytes, use.at),)
    return Measurements(Metered(usage_on, midnight_on), usages, midnights)


def _since_midnight(at: datetime, zone: str) -> tuple[date, timedelta]:
    """Return the day and the time since it began, also on the days on which the clock changes."""
    day = at.astimezone(ZoneInfo(zone)).date()
    began = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
    return day, timedelta(seconds=at.timestamp() - began.timestamp())
