"""The figures that `coffre exporter` shows, read from the records alone: no platform and no machine is asked.

What nobody has looked at has no figure: a missing one is unknown, and 0 is a measured 0.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from coffre.findings import FindingKind
from coffre.records.database.store import Records
from coffre.records.database.supervision import WHOLE_TENANT, Pass, Watched
from coffre.records.events import Event, EventKind
from coffre.records.facts.contract import GateChange
from coffre.records.facts.departure import DepartureStage
from coffre.records.facts.registry import read_as
from coffre.records.kept_findings import KeptFinding
from coffre.spec.tenant import Machine, MachineKind, Tenant
from coffre.supervision.applied import AppliedReader
from coffre.supervision.findings.life import as_finding
from coffre.supervision.findings.standing import find_standing
from coffre.supervision.history import list_history
from coffre.supervision.judge.forecast import WINDOW_DAYS, Forecast, foresee
from coffre.supervision.judge.quota import Use
from coffre.supervision.metrics.platforms import PlatformFigures, list_platform_figures
from coffre.supervision.observe.seen import SeenMachine, recall_machine, recall_tenant
from coffre.tenant.departure import STILL_SERVED, judge_stage

TROUBLES: Mapping[str, str] = {
    FindingKind.BACKUP_LATE.value: "late",
    FindingKind.BACKUP_MISSED.value: "missed",
    FindingKind.BACKUP_FAILED.value: "failed",
    FindingKind.NOT_SEEN.value: "not_seen",
}
"""The findings that say how a machine's backups are, and the trouble that each one counts as."""

_PASSES = 20
"""So many passes are read to find the last one that ended: others go on, or were killed."""
_FORECAST_SECONDS = 1.0
"""The most that one reading spends on forecasts; the tenants that are left keep theirs, and have their turn next."""
_FORECAST_AGE = timedelta(hours=1)
_NEVER = datetime.min.replace(tzinfo=ZoneInfo("UTC"))


@dataclass(frozen=True)
class FindingGroup:
    """What the findings that are counted together have in common; ``severity`` is empty where the contract has none."""

    tenant: str
    platform: str
    kind: str
    attribution: str
    severity: str
    is_silent: bool


@dataclass(frozen=True)
class TenantFigures:
    """The figures of one tenant that is served; None: unknown.

    ``in_use`` counts, by kind, the machines in service that have given a backup; ``troubles`` counts machines.
    """

    tenant: Tenant
    looked_at: datetime | None
    use: Use | None
    is_gate_closed: bool
    forecast: Forecast | None
    forecast_on: date
    troubles: Mapping[str, int]
    declared: Mapping[MachineKind, int]
    in_use: Mapping[MachineKind, int] | None


@dataclass(frozen=True)
class Figures:
    """Everything at one time; ``last_pass`` is the last one that ended, ``running_since`` is set while one goes on.

    ``not_known`` counts the tenants whose last apply is not known: nobody looks at them.
    """

    at: datetime
    last_pass: Pass | None
    running_since: datetime | None
    tenants: Sequence[TenantFigures]
    not_known: int
    findings: Mapping[FindingGroup, int]
    platforms: Sequence[PlatformFigures] = ()


@dataclass
class FiguresReader:
    """Reads the figures again and again; what was parsed or foreseen once is kept between two readings."""

    root: Path
    _applied: AppliedReader = field(init=False)
    _forecasts: dict[str, "_Foreseen"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._applied = AppliedReader(self.root)

    def read(self, records: Records, now: datetime) -> Figures:
        """Return the figures; ExpectedError when the records cannot be read."""
        house = self._applied.read(records)
        ended = list_ended(records)
        served = [each.tenant for each in house.tenants.values() if each.tenant.id not in ended]
        watched = records.supervision.read_watched()
        findings = records.supervision.list_findings()
        gates = records.find_newest({EventKind.GATE_CHANGE})
        forecasts = self._foresee(records, served, now)
        passes = records.supervision.list_passes(_PASSES)
        troubles = _count_troubles(findings)
        return Figures(
            now,
            next((each for each in passes if each.ended_at is not None), None),
            passes[0].began_at if passes and passes[0].ended_at is None else None,
            [
                _figures(
                    each,
                    watched.get(each.id, {}),
                    gates.get(each.id),
                    forecasts.get(each.id),
                    troubles.get(each.id, {}),
                    _today(each, now),
                )
                for each in served
            ],
            len(house.unknown),
            count_findings(findings, {each.id: each.storage.platform for each in served}, now),
            [] if house.checkout is None else list_platform_figures(records, house.checkout.settings, now),
        )

    def _foresee(self, records: Records, tenants: Sequence[Tenant], now: datetime) -> Mapping[str, Forecast]:
        """Return the forecasts of today, those that were not yet made left out."""
        self._forecasts = {each.id: kept for each in tenants if (kept := self._forecasts.get(each.id)) is not None}
        end = time.monotonic() + _FORECAST_SECONDS
        for tenant in sorted(tenants, key=self._foreseen_at):
            basis = (_today(tenant, now), tenant.storage.quota_bytes)
            kept = self._forecasts.get(tenant.id)
            if kept is not None and kept.basis == basis and now - kept.at < _FORECAST_AGE:
                continue
            if time.monotonic() > end:
                break
            today, quota_bytes = basis
            usages = list_history(records, tenant, today - timedelta(days=WINDOW_DAYS), today)
            self._forecasts[tenant.id] = _Foreseen(now, basis, foresee(usages, quota_bytes, today))
        return {
            each.id: kept.forecast
            for each in tenants
            if (kept := self._forecasts.get(each.id)) is not None
            and kept.basis == (_today(each, now), each.storage.quota_bytes)
        }

    def _foreseen_at(self, tenant: Tenant) -> datetime:
        kept = self._forecasts.get(tenant.id)
        return _NEVER if kept is None else kept.at


@dataclass(frozen=True)
class _Foreseen:
    """A forecast, when it was made, and for which day and sold quota."""

    at: datetime
    basis: tuple[date, int]
    forecast: Forecast


def count_findings(
    findings: Sequence[KeptFinding], platforms: Mapping[str, str], now: datetime
) -> Mapping[FindingGroup, int]:
    """Count the open findings; ``platforms`` has the platform of each tenant id. Pure."""
    return Counter(
        FindingGroup(
            each.slug,
            each.place.platform or platforms.get(each.place.tenant_id, ""),
            *_describe(each),
            each.is_silent(now),
        )
        for each in findings
        if each.is_open
    )


def _describe(kept: KeptFinding) -> tuple[str, str, str]:
    """Return kind, attribution and severity."""
    finding = as_finding(kept)
    standing = find_standing(finding)
    severity = "" if standing.severity is None else standing.severity.value
    return finding.kind.value, standing.attribution.value, severity


def _count_troubles(findings: Sequence[KeptFinding]) -> Mapping[str, Mapping[str, int]]:
    """Return the number of machines with each trouble, by tenant id."""
    found: dict[str, Counter[str]] = {}
    for each in findings:
        trouble = TROUBLES.get(each.place.kind)
        if trouble is not None and each.place.machine:
            found.setdefault(each.place.tenant_id, Counter())[trouble] += 1
    return found


def list_ended(records: Records) -> set[str]:
    """Return the ids of the tenants whose service has ended: nobody looks at them any more."""
    stages: dict[str, list[DepartureStage]] = {}
    for event in records.select_events(None, {EventKind.DEPARTURE}):
        stages.setdefault(event.tenant_id, []).append(read_as(event, DepartureStage))
    found = {tenant_id: judge_stage(each) for tenant_id, each in stages.items()}
    return {tenant_id for tenant_id, stage in found.items() if stage is not None and stage not in STILL_SERVED}


def _figures(
    tenant: Tenant,
    watched: Mapping[str, Watched],
    gate: Event | None,
    forecast: Forecast | None,
    troubles: Mapping[str, int],
    today: date,
) -> TenantFigures:
    whole = watched.get(WHOLE_TENANT)
    seen = recall_tenant(whole)
    machines = tenant.active_machines()
    return TenantFigures(
        tenant,
        None if whole is None else whole.looked_at,
        None if seen is None else seen.use,
        gate is not None and read_as(gate, GateChange).is_closed,
        forecast,
        today,
        troubles,
        _count_kinds(tenant, machines),
        None if whole is None else _count_kinds(tenant, _only_writing(machines, watched)),
    )


def _count_kinds(tenant: Tenant, machines: Mapping[str, Machine]) -> Mapping[MachineKind, int]:
    counts = Counter(each.kind for each in machines.values())
    return {kind: counts[kind] for kind in MachineKind if kind in tenant.licences or counts[kind]}


def _only_writing(machines: Mapping[str, Machine], watched: Mapping[str, Watched]) -> Mapping[str, Machine]:
    return {name: each for name, each in machines.items() if _has_given(recall_machine(watched.get(name)))}


def _has_given(seen: SeenMachine | None) -> bool:
    return seen is not None and (seen.newest_snapshot_at is not None or seen.last_success_at is not None)


def _today(tenant: Tenant, now: datetime) -> date:
    return now.astimezone(ZoneInfo(tenant.timezone)).date()
