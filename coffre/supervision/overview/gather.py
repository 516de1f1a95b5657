"""Everything that the pages show of tenants, from the records alone: no platform and no machine is asked."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from coffre.findings import FindingKind
from coffre.observation.judge.duty import Duty, list_due_days
from coffre.records.database.store import Records
from coffre.records.database.supervision import Pass
from coffre.records.events import Event, EventKind
from coffre.records.facts.backups import Drilled
from coffre.records.facts.registry import read_as
from coffre.records.facts.supervision import PauseWord, read_pauses
from coffre.records.kept_findings import NO_TENANT, KeptFinding
from coffre.spec.tenant import Tenant
from coffre.spec.values.working_hours import public_holidays
from coffre.supervision.applied import AppliedReader, UnknownTenant
from coffre.supervision.availability.known import KnownPlatforms, list_change_windows, read_platforms
from coffre.supervision.history import list_history
from coffre.supervision.judge.availability import Availability
from coffre.supervision.lines import MachineRestore, TimedReadings
from coffre.supervision.metrics.figures import list_ended
from coffre.supervision.overview.calendar import Day, first_day, list_days
from coffre.supervision.picture import TenantPicture, draw_applied
from coffre.tenant.vendors import VendorService, list_vendor_services

CURVE_DAYS = 90
DRILLS = 10
_DRILLS_SINCE = timedelta(days=400)
_PASSES = 40 * 24 * 60 // 5
"""The passes of the days of a calendar, at one every five minutes."""
_UNSEEN = frozenset(
    {
        FindingKind.TENANT_NOT_SEEN.value,
        FindingKind.NOT_KNOWN.value,
        FindingKind.PLATFORM_AWAY.value,
        FindingKind.PART_NOT_SEEN.value,
    }
)


@dataclass(frozen=True)
class Drill:
    """One drill: ``problems`` counts what did not come back as it was; from the second copy where it ``is_copy``."""

    at: datetime
    machine: str | None
    files: int
    problems: int
    is_copy: bool


@dataclass(frozen=True)
class TenantOverview:
    """What the page of a tenant shows; ``sizes`` has the current bytes of each measured day.

    ``availability`` is that of its platform for this tenant, this year: None when no platform was ever probed.
    ``restores`` are how long full restores take, by machine and line. ``vendors`` are the
    vendors of agents of its machines: SMILÉO tests no restore of these.
    """

    picture: TenantPicture
    sizes: Mapping[date, int]
    calendars: Mapping[str, Sequence[Day]]
    drills: Sequence[Drill]
    availability: Availability | None = None
    restores: Sequence[MachineRestore] = ()
    vendors: Sequence[VendorService] = ()


@dataclass(frozen=True)
class Overview:
    """All tenants that are served; ``unknown`` are those whose last apply is not known, so that nobody looks."""

    drawn_at: datetime
    last_pass: Pass | None
    tenants: Iterator[TenantOverview]
    unknown: Sequence[UnknownTenant]


def gather(records: Records, root: Path, now: datetime, only: str | None = None) -> Overview:
    """Return what is known of all tenants, or of one of them; the tenants are read while they are asked for."""
    house = AppliedReader(root).read(records)
    ended = list_ended(records)
    served = {
        slug: each
        for slug, each in house.tenants.items()
        if each.tenant.id not in ended and (only is None or slug == only)
    }
    passes = [each for each in records.supervision.list_passes(_PASSES) if each.ended_at is not None]
    looks = _Looks([each.ended_at for each in passes if each.ended_at is not None])
    platforms = _list_platform_findings(records, now)
    zone = None if house.checkout is None else house.checkout.settings.working_hours.timezone
    probed = None if zone is None else _Probed(records, now, zone)
    timed = TimedReadings(records, now)
    read = (
        replace(
            _read_tenant(records, draw_applied(records, each, now), looks, timed, _of_homes(platforms, each.tenant)),
            availability=None if probed is None else probed.judge(each.tenant),
            vendors=list_vendor_services(
                each.tenant, {} if house.checkout is None else house.checkout.settings.platforms
            ),
        )
        for each in served.values()
    )
    return Overview(now, passes[0] if passes else None, read, house.unknown)


def _of_homes(platforms: Mapping[str, list[KeptFinding]], tenant: Tenant) -> list[KeptFinding]:
    """Return the findings of the platforms on which a tenant has a part of its space."""
    homes = list(tenant.storage.parts) or [tenant.storage.platform]
    return [found for name in homes for found in platforms.get(name, [])]


def _read_tenant(
    records: Records,
    picture: TenantPicture,
    looks: "_Looks",
    timed: TimedReadings,
    of_platform: Sequence[KeptFinding],
) -> TenantOverview:
    tenant, now = picture.tenant, picture.drawn_at
    zone = ZoneInfo(tenant.timezone)
    today = now.astimezone(zone).date()
    begin = datetime.combine(first_day(today), datetime.min.time(), zone)
    kept = records.supervision.list_findings(tenant.id, since=begin)
    looked = looks.list_days([*kept, *of_platform], zone)
    installed = {
        event.machine: event.at.astimezone(zone).date()
        for event in reversed(records.select_events(tenant.id, {EventKind.INSTALL}))
    }
    pauses = records.select_events(tenant.id, {EventKind.PAUSE_DECLARED, EventKind.PAUSE_ENDED})
    memories = records.read_memories(tenant.id)
    calendars = {}
    for name in tenant.active_machines():
        snapshots = memories[name].snapshots.values() if name in memories else ()
        saved = {each.seen_at.astimezone(zone).date() for each in snapshots}
        told = picture.machines[name]
        saved |= set(() if told is None else told.saved_days)
        due = list_due_days(_duty_of(tenant, name, pauses), first_day(today), today)
        of_machine = [each for each in kept if each.place.machine == name]
        calendars[name] = list_days(installed.get(name), saved, due, of_machine, looked, tenant.timezone, today)
    sizes: dict[date, int] = defaultdict(int)
    for usage in list_history(records, tenant, today - timedelta(days=CURVE_DAYS), today):
        sizes[usage.measured_on] += usage.current_bytes
    return TenantOverview(
        picture,
        dict(sizes),
        calendars,
        _list_drills(records, tenant.id, now),
        restores=timed.foresee(tenant, picture.machines),
    )


def _duty_of(tenant: Tenant, name: str, pauses: Sequence[Event]) -> Duty:
    """Return on which days a machine must back up, whether it was in service then or not."""
    told = [[(each.at, read_as(each, PauseWord)) for each in pauses if each.machine == whose] for whose in (name, None)]
    machine = tenant.machines[name]
    return Duty(
        machine=name,
        kind=machine.kind,
        schedules=tenant.plans[machine.plan].schedule,
        timezone=tenant.timezone,
        since=None,
        pauses=[pause for each in told for pause in read_pauses(each)],
        is_day_off=lambda day: day in tenant.closed_days or day in public_holidays(),
    )


def _list_drills(records: Records, tenant_id: str, now: datetime) -> list[Drill]:
    events = records.select_events(tenant_id, {EventKind.DRILL}, since=now - _DRILLS_SINCE)
    newest = sorted(events, key=lambda event: event.at, reverse=True)[:DRILLS]
    facts = [(event, read_as(event, Drilled)) for event in newest]
    return [
        Drill(
            event.at,
            event.machine,
            len(fact.files),
            len(fact.problems) + len(fact.losses) + len(fact.gaps),
            fact.copied_to is not None,
        )
        for event, fact in facts
    ]


def _list_platform_findings(records: Records, now: datetime) -> Mapping[str, list[KeptFinding]]:
    found: dict[str, list[KeptFinding]] = defaultdict(list)
    for each in records.supervision.list_findings(NO_TENANT, since=now - timedelta(days=45)):
        found[each.place.platform].append(each)
    return found


class _Probed:
    """The availability of platforms this year; each is judged once, and again for a tenant that asked for a change."""

    def __init__(self, records: Records, now: datetime, timezone: str) -> None:
        self._records, self._now, self._timezone = records, now, timezone
        self._year = now.astimezone(ZoneInfo(timezone)).year
        self._known: KnownPlatforms = read_platforms(records, self._year, timezone)
        self._judged: dict[str, Availability] = {}

    def judge(self, tenant: Tenant) -> Availability | None:
        name = tenant.storage.platform
        if not self._known.get(name).spans:
            return None
        changes = list_change_windows(self._records, tenant.id)
        if changes:
            return self._known.get(name).judge(self._year, self._timezone, self._now, changes)
        if name not in self._judged:
            self._judged[name] = self._known.get(name).judge(self._year, self._timezone, self._now)
        return self._judged[name]


@dataclass
class _Looks:
    """When passes ended; their days in a time zone are counted once."""

    moments: Sequence[datetime]
    _days: dict[ZoneInfo, Sequence[tuple[datetime, date]]] = field(default_factory=dict)

    def list_days(self, kept: Collection[KeptFinding], zone: ZoneInfo) -> set[date]:
        """Return the days with a pass that saw the tenant: one in the time of a finding that says otherwise did not."""
        if zone not in self._days:
            self._days[zone] = [(at, at.astimezone(zone).date()) for at in self.moments]
        blind = [(each.since, each.closed_at) for each in kept if each.place.kind in _UNSEEN]
        return {
            day
            for at, day in self._days[zone]
            if not any(since <= at and (until is None or at < until) for since, until in blind)
        }
