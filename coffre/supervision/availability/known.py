"""What the records know of the availability of platforms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from coffre.records.database.store import Records
from coffre.records.events import EventKind
from coffre.records.facts.availability import (
    ChangeWindowDeclared,
    ExclusionRevoked,
    Maintenance,
    MaintenanceDeclared,
    MaintenanceWithdrawn,
    Said,
    TimeExcluded,
    read_exclusions,
    read_maintenances,
)
from coffre.records.facts.registry import read_as
from coffre.records.kept_findings import NO_TENANT
from coffre.records.probes import ProbeSpan
from coffre.supervision.judge.availability import Availability, Excused, judge_year, year_of
from coffre.supervision.judge.intervals import Interval, unite

_MAINTENANCE = (EventKind.PLATFORM_MAINTENANCE_DECLARED, EventKind.PLATFORM_MAINTENANCE_WITHDRAWN)
_DECISIONS = (EventKind.TIME_EXCLUDED, EventKind.EXCLUSION_REVOKED)


@dataclass(frozen=True)
class KnownPlatform:
    """What is known of one platform: the spans of its probes in their order, and what was said about it."""

    name: str
    spans: Sequence[ProbeSpan] = ()
    maintenances: Sequence[Maintenance] = ()
    exclusions: Sequence[TimeExcluded] = ()

    def judge(
        self, year: int, timezone: str, now: datetime, changes: Sequence[ChangeWindowDeclared] = ()
    ) -> Availability:
        """Judge a year of the platform; ``changes`` are those of one tenant, for which it is judged."""
        excused = Excused(
            unite(Interval(each.begins_at, each.ends_at) for each in self.maintenances if each.is_beforehand),
            unite(Interval(each.begins_at, each.ends_at) for each in changes),
            unite(Interval(each.begins_at, each.ends_at) for each in self.exclusions),
        )
        return judge_year(self.spans, excused, year, timezone, now)


@dataclass(frozen=True)
class KnownPlatforms:
    """The platforms of which anything is known, by name."""

    by_name: Mapping[str, KnownPlatform] = field(default_factory=dict)

    def get(self, name: str) -> KnownPlatform:
        return self.by_name.get(name, KnownPlatform(name))


def read_platforms(records: Records, year: int, timezone: str) -> KnownPlatforms:
    """Read what is known of all platforms for a year, and since; a little before it too, for what began there."""
    since = year_of(year, timezone).begins_at - timedelta(days=2)
    spans: dict[str, list[ProbeSpan]] = {}
    for span in records.availability.list_spans(since):
        spans.setdefault(span.platform, []).append(span)
    maintenances = list_maintenances(records)
    exclusions = list_exclusions(records)
    names = {*spans, *(each.platform for each in maintenances), *(each.platform for each in exclusions)}
    return KnownPlatforms(
        {
            name: KnownPlatform(
                name,
                spans.get(name, ()),
                [each for each in maintenances if each.platform == name],
                [each for each in exclusions if each.platform == name],
            )
            for name in names
        }
    )


def list_maintenances(records: Records) -> tuple[Maintenance, ...]:
    """Return every maintenance that was declared and not withdrawn, by platform and begin."""
    told = records.select_events(NO_TENANT, _MAINTENANCE)
    kinds = (MaintenanceDeclared, MaintenanceWithdrawn)
    return read_maintenances([Said(event.at, read_as(event, kinds)) for event in told])


def list_exclusions(records: Records) -> tuple[TimeExcluded, ...]:
    """Return the decisions in force about past times, by platform and begin."""
    told = records.select_events(NO_TENANT, _DECISIONS)
    return read_exclusions([read_as(event, (TimeExcluded, ExclusionRevoked)) for event in told])


def list_change_windows(records: Records, tenant_id: str) -> tuple[ChangeWindowDeclared, ...]:
    """Return the windows for changes that a tenant asked for; each was declared before it began."""
    told = records.select_events(tenant_id, (EventKind.CHANGE_WINDOW_DECLARED,))
    return tuple(read_as(event, ChangeWindowDeclared) for event in told)
