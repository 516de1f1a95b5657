"""The figures as metrics of Prometheus: a fixed set of names, with labels of few values.

Never a label that a machine or the storage host chooses: no machine's name, no path, no error text. A figure that is
not known has no sample.
"""

import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

import coffre
from coffre.errors import ExpectedError, RemoteError
from coffre.records.database.location import exist_records
from coffre.records.database.store import Records
from coffre.supervision.judge.forecast import Forecast, Outlook
from coffre.supervision.metrics.figures import TROUBLES, Figures, FiguresReader, TenantFigures
from coffre.supervision.metrics.platforms import PlatformFigures
from coffre.workspace.many.threads import Late, run_all

READ_SECONDS = 8.0
"""The longest reading: Prometheus waits for a scrape for 10 s."""
_WAIT_SECONDS = 5.0

_TENANT = ("tenant", "platform")
_PLATFORM = ("platform",)
_METRICS: dict[str, tuple[str, Sequence[str]]] = {
    "coffre_up": ("1 when the records could be read, else 0, and then no other figure is shown", ()),
    "coffre_info": ("1; the version of Coffre", ("version",)),
    "coffre_read_seconds": ("How long the reading of the records took", ()),
    "coffre_pass_running_since_timestamp_seconds": ("When the pass began that goes on, or that was killed", ()),
    "coffre_pass_last_end_timestamp_seconds": ("When the last pass over all tenants ended", ()),
    "coffre_pass_last_duration_seconds": ("How long the last pass took", ()),
    "coffre_pass_tenants_seen": ("Tenants of which the last pass saw everything", ()),
    "coffre_pass_tenants_unseen": ("Tenants that the last pass could not look at", ()),
    "coffre_tenants_not_known": ("Tenants that nobody looks at, since their last apply is not known", ()),
    "coffre_tenant_info": ("1; the status of the tenant's contract", (*_TENANT, "status")),
    "coffre_tenant_looked_at_timestamp_seconds": ("When a pass last saw the tenant", _TENANT),
    "coffre_tenant_quota_bytes": ("The sold quota", _TENANT),
    "coffre_tenant_used_bytes": ("Current bytes, which the quota counts", _TENANT),
    "coffre_tenant_noncurrent_bytes": ("Bytes of older versions, which the quota does not count", _TENANT),
    "coffre_tenant_stored_bytes": ("Bytes of all versions", _TENANT),
    "coffre_tenant_gate_closed": ("1 while the sold quota keeps the gate closed", _TENANT),
    "coffre_tenant_full_in_days": ("Days until the quota is reached: 0 reached, +Inf not within ten years", _TENANT),
    "coffre_tenant_growth_bytes_per_day": ("Growth a day, negative when it shrinks", _TENANT),
    "coffre_tenant_machines": ("Machines in service", _TENANT),
    "coffre_tenant_machines_in_trouble": (
        f"Machines in service by trouble of their backups: {', '.join(TROUBLES.values())}",
        (*_TENANT, "trouble"),
    ),
    "coffre_tenant_licences_sold": ("Licences sold", (*_TENANT, "kind")),
    "coffre_tenant_licences_declared": ("Machines in service in the tenant's file", (*_TENANT, "kind")),
    "coffre_tenant_licences_in_use": ("Machines in service that have given a backup", (*_TENANT, "kind")),
    "coffre_platform_up": ("1 the probed platform serves, 0 an outage goes on", _PLATFORM),
    "coffre_platform_in_maintenance": ("1 during a maintenance that was declared before it began", _PLATFORM),
    "coffre_platform_last_probe_timestamp_seconds": ("When a probe last said anything about the platform", _PLATFORM),
    "coffre_platform_outage_seconds": ("Seconds of this year that count as down", _PLATFORM),
    "coffre_platform_outage_budget_seconds": ("Seconds that the platform may be down in this year", _PLATFORM),
    "coffre_platform_outage_left_seconds": ("What is left of them, negative once they are exceeded", _PLATFORM),
    "coffre_platform_unknown_seconds": ("Seconds of this year until now that nobody probed", _PLATFORM),
    "coffre_findings": (
        "Open findings; severity is empty for what is not attributable to SMILÉO, tenant for a platform's",
        (*_TENANT, "kind", "attribution", "severity", "silenced"),
    ),
}

Sample = tuple[str, Sequence[str], float]
"""A metric, its labels, and its value."""


@dataclass(eq=False)
class RecordsCollector(Collector):
    """Reads the records at each scrape: they are opened and closed each time, so that a server may come and go."""

    root: Path
    reference: str
    clock: Callable[[], datetime]
    on_problem: Callable[[Exception], None]
    """Called when the records cannot be read, once for each cause in turn."""
    on_good: Callable[[], None]
    """Called when they can be read again."""

    def __post_init__(self) -> None:
        self._reader = FiguresReader(self.root)
        self._reading = threading.Lock()
        self._told: str | None = None

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Return every metric, without samples."""
        return write_families([])

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Read and yield all metrics; without the records only that they are away."""
        began = time.monotonic()
        figures = self._read(began + READ_SECONDS)
        samples: list[Sample] = [
            ("coffre_up", (), float(isinstance(figures, Figures))),
            ("coffre_info", (coffre.__version__,), 1.0),
            ("coffre_read_seconds", (), time.monotonic() - began),
        ]
        if isinstance(figures, Figures):
            samples += list_samples(figures)
        self._tell(figures)
        yield from write_families(samples)

    def _read(self, deadline: float) -> Figures | Exception:
        """Read the figures before a deadline; a reading that takes longer goes on, and no other begins meanwhile."""
        if not self._reading.acquire(timeout=max(0.0, deadline - time.monotonic())):
            return RemoteError("the records do not answer", "An earlier reading has not ended yet.")
        [(_, result)] = run_all({"records": self._read_records}, 1, max(0.0, deadline - time.monotonic()))
        if isinstance(result, Late):
            return RemoteError(f"the records did not answer within {READ_SECONDS:.0f} s")
        return result

    def _read_records(self) -> Figures:
        try:
            if not exist_records(self.reference, self.root):
                raise ExpectedError("there are no records yet", "`coffre apply` makes them.")
            with Records.open(self.reference, self.root, wait_seconds=_WAIT_SECONDS) as records:
                return self._reader.read(records, self.clock())
        finally:
            self._reading.release()

    def _tell(self, result: Figures | Exception) -> None:
        cause = None if isinstance(result, Figures) else str(result) or type(result).__name__
        if cause == self._told:
            return
        self._told = cause
        if isinstance(result, Figures):
            self.on_good()
        else:
            self.on_problem(result)


def write_families(samples: Iterable[Sample]) -> list[GaugeMetricFamily]:
    """Return all metrics with these samples. Pure."""
    families = {name: GaugeMetricFamily(name, meaning, labels=labels) for name, (meaning, labels) in _METRICS.items()}
    for name, labels, value in samples:
        families[name].add_metric(labels, value)
    return list(families.values())


def list_samples(figures: Figures) -> Iterator[Sample]:
    """Yield the samples of what was read. Pure."""
    if figures.running_since is not None:
        yield "coffre_pass_running_since_timestamp_seconds", (), figures.running_since.timestamp()
    last = figures.last_pass
    if last is not None and last.ended_at is not None:
        yield "coffre_pass_last_end_timestamp_seconds", (), last.ended_at.timestamp()
        yield "coffre_pass_last_duration_seconds", (), (last.ended_at - last.began_at).total_seconds()
        yield "coffre_pass_tenants_seen", (), last.seen or 0
        yield "coffre_pass_tenants_unseen", (), last.tenants - (last.seen or 0)
    yield "coffre_tenants_not_known", (), figures.not_known
    for each in figures.tenants:
        yield from _list_of_tenant(each)
    for platform in figures.platforms:
        yield from _list_of_platform(platform)
    for group, count in figures.findings.items():
        silenced = "true" if group.is_silent else "false"
        labels = (group.tenant, group.platform, group.kind, group.attribution, group.severity, silenced)
        yield "coffre_findings", labels, count


def _list_of_platform(figures: PlatformFigures) -> Iterator[Sample]:
    labels, year = (figures.name,), figures.year
    if figures.is_up is not None:
        yield "coffre_platform_up", labels, float(figures.is_up)
    yield "coffre_platform_in_maintenance", labels, float(figures.is_in_maintenance)
    yield "coffre_platform_last_probe_timestamp_seconds", labels, figures.last_probe_at.timestamp()
    yield "coffre_platform_outage_seconds", labels, year.used_seconds
    yield "coffre_platform_outage_budget_seconds", labels, year.budget_seconds
    yield "coffre_platform_outage_left_seconds", labels, year.left_seconds
    yield "coffre_platform_unknown_seconds", labels, year.unprobed_seconds


def _list_of_tenant(figures: TenantFigures) -> Iterator[Sample]:
    tenant = figures.tenant
    labels = (tenant.slug, tenant.storage.platform)
    yield "coffre_tenant_info", (*labels, tenant.status.value), 1
    yield "coffre_tenant_quota_bytes", labels, tenant.storage.quota_bytes
    yield "coffre_tenant_gate_closed", labels, float(figures.is_gate_closed)
    yield "coffre_tenant_machines", labels, len(tenant.active_machines())
    for kind, sold in tenant.licences.items():
        yield "coffre_tenant_licences_sold", (*labels, kind.value), sold
    for kind, declared in figures.declared.items():
        yield "coffre_tenant_licences_declared", (*labels, kind.value), declared
    if figures.forecast is not None:
        yield from _list_of_forecast(figures.forecast, figures, labels)
    if figures.looked_at is None:
        return
    yield "coffre_tenant_looked_at_timestamp_seconds", labels, figures.looked_at.timestamp()
    for trouble in TROUBLES.values():
        yield "coffre_tenant_machines_in_trouble", (*labels, trouble), figures.troubles.get(trouble, 0)
    for kind, in_use in (figures.in_use or {}).items():
        yield "coffre_tenant_licences_in_use", (*labels, kind.value), in_use
    yield from _list_of_use(figures, labels)


def _list_of_use(figures: TenantFigures, labels: Sequence[str]) -> Iterator[Sample]:
    use = figures.use
    if use is None:
        return
    yield "coffre_tenant_stored_bytes", labels, use.stored_bytes
    if use.current_bytes is not None:
        yield "coffre_tenant_used_bytes", labels, use.current_bytes
        yield "coffre_tenant_noncurrent_bytes", labels, max(0, use.stored_bytes - use.current_bytes)


def _list_of_forecast(forecast: Forecast, figures: TenantFigures, labels: Sequence[str]) -> Iterator[Sample]:
    if forecast.bytes_a_day is not None:
        yield "coffre_tenant_growth_bytes_per_day", labels, forecast.bytes_a_day
    if forecast.outlook is Outlook.REACHED:
        yield "coffre_tenant_full_in_days", labels, 0
    elif forecast.outlook is Outlook.STEADY:
        yield "coffre_tenant_full_in_days", labels, math.inf
    elif forecast.reached_on is not None:
        yield "coffre_tenant_full_in_days", labels, (forecast.reached_on - figures.forecast_on).days
