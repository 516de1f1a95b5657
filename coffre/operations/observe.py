"""What is true of a tenant right now, from live facts: the platform, the buckets, the reports in them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from coffre.agents.report import Report, ReportResult
from coffre.errors import ExpectedError
from coffre.operations.control import read_orders
from coffre.operations.departure import find_stage_of, has_service_ended
from coffre.operations.holds import HoldStatus, hold_status
from coffre.operations.options import option_status
from coffre.operations.overdue import is_overdue
from coffre.operations.reports import iter_reports
from coffre.operations.retired import describe_retirement, is_erasable
from coffre.operations.service import Service
from coffre.operations.suspension import HELD, find_reason, judge_access
from coffre.records.events import EventKind
from coffre.spec import naming
from coffre.spec.tenant import MachineKind, Tenant
from coffre.storage.driver import Bucket

SNAPSHOTS_PREFIX = f"{naming.RESTIC_PREFIX}snapshots/"


@dataclass(frozen=True)
class LicenceStatus:
    """Licences of one kind: granted by the contract, used by machines that are not retired."""

    granted: int
    used: int


@dataclass(frozen=True)
class RetiredStatus:
    """A retired machine's days, ISO 8601, in words, and whether its backups may be erased."""

    on: str
    keep_until: str
    may_be_erased: bool
    sentence: str


@dataclass(frozen=True)
class MachineStatus:
    """One machine. None means not known.

    ``retired`` is None for a machine in service. The two witnesses are kept apart: ``last_success_at`` and
    ``last_result`` are what the agent reports, ``newest_snapshot_at`` and ``snapshots`` what the bucket holds;
    ``witnesses_agree`` is False when the agent claims a snapshot that storage does not have. ``failed_generation`` are
    newer orders than the machine follows, which it could not apply for the reason beside it.
    """

    name: str
    agent: str
    last_success_at: datetime | None
    last_result: str | None
    snapshots: int | None
    stored_bytes: int | None
    generation_wanted: int | None
    generation_applied: int | None
    overdue: bool | None
    newest_snapshot_at: datetime | None
    witnesses_agree: bool | None
    retired: RetiredStatus | None = None
    failed_generation: int | None = None
    failed_generation_reason: str = ""


@dataclass(frozen=True)
class TenantStatus:
    """One tenant, as `coffre status --json` gives it.

    ``gate`` and ``access`` are what the platform lets its machines in service do, whatever the file says: ``access`` is
    open, suspended, partly suspended. ``departure`` is the stage that a tenant's departure has reached.
    """

    tenant: str
    status: str
    quota_bytes: int
    used_bytes: int | None
    wall_bytes: int | None
    gate: str | None
    licences: Mapping[str, LicenceStatus]
    options: Mapping[str, str]
    machines: tuple[MachineStatus, ...]
    access: str | None = None
    hold: HoldStatus | None = None
    departure: str | None = None


def observe(service: Service, now: datetime) -> TenantStatus:
    """Look at one tenant. Before its first apply there is nothing to see, and everything live is None."""
    tenant = service.tenant
    owner = service.storage.find_owner(service.owner_uid)
    if owner is not None and service.secrets.find_control(tenant.slug, tenant.id) is None:
        raise ExpectedError(
            f"{tenant.slug} exists on its platform, but its control bundle is not here",
            "Bring it back from the escrow or from where the tenant was applied; no new keys are minted over the old.",
        )
    buckets = set(owner.buckets) if owner is not None else set()
    machines, gates, switches, used_bytes, held_buckets = [], [], [], 0, True
    for name in tenant.machines:
        if service.bucket_name(name) not in buckets:
            machines.append(_unknown_machine(service, name, now))
            continue
        bucket = service.owner_bucket(name)
        current_bytes = bucket.current_bytes()
        used_bytes += current_bytes
        if not tenant.machines[name].is_retired:
            gates.append(bucket.is_gate_closed())
            switches.append(bucket.is_suspended())
        if tenant.hold is not None:
            held_buckets = held_buckets and not bucket.list_expiry_rules()
        machines.append(_observe_machine(service, name, bucket, current_bytes, now))
    shut_out = find_reason(tenant) != HELD or all(switches)
    in_force = held_buckets and shut_out if buckets else None
    return TenantStatus(
        tenant=tenant.slug,
        status=tenant.status.value,
        quota_bytes=tenant.storage.quota_bytes,
        used_bytes=used_bytes if buckets else None,
        wall_bytes=owner.wall_bytes if owner is not None else None,
        gate=judge_gates(gates),
        licences=count_licences(tenant),
        options=option_status(tenant.options),
        machines=tuple(machines),
        access=judge_access(switches),
        hold=hold_status(tenant, in_force),
        departure=find_stage_of(service),
    )


def judge_gates(closed: Sequence[bool]) -> str | None:
    """Sum up the gates of a tenant's buckets: open, closed, or partly closed, which is nobody's wish. Pure."""
    if not closed:
        return None
    if all(closed):
        return "closed"
    return "partly closed" if any(closed) else "open"


def count_licences(tenant: Tenant) -> dict[str, LicenceStatus]:
    """Count what is granted and used of each kind; a retired machine uses none (contract, article 1a). Pure."""
    used = Counter(machine.kind for machine in tenant.machines.values() if machine.retired is None)
    kinds = [kind for kind in MachineKind if kind in tenant.licences or kind in used]
    return {kind.value: LicenceStatus(tenant.licences.get(kind, 0), used[kind]) for kind in kinds}


def _unknown_machine(service: Service, name: str, now: datetime) -> MachineStatus:
    agent = service.tenant.machines[name].agent.value
    retired = _retired_status(service, name, now)
    return MachineStatus(name, agent, None, None, None, None, None, None, None, None, None, retired)


def _observe_machine(service: Service, name: str, bucket: Bucket, current_bytes: int, now: datetime) -> MachineStatus:
    tenant, machine = service.tenant, service.tenant.machines[name]
    snapshots = {facts.key.rsplit("/", 1)[-1]: facts for facts in bucket.list_objects(SNAPSHOTS_PREFIX)}
    last: Report | None = None
    success: Report | None = None
    for report in iter_reports(bucket):
        last = last or report
        if report.result is ReportResult.SUCCESS:
            success = report
            break
    orders = read_orders(service, bucket)
    last_success_at = success.finished_at if success else None
    return MachineStatus(
        name=name,
        agent=machine.agent.value,
        last_success_at=last_success_at,
        last_result=last.result.value if last else "never",
        snapshots=len(snapshots),
        stored_bytes=current_bytes,
        generation_wanted=orders["generation"] if orders else None,
        generation_applied=last.generation_applied if last else None,
        overdue=is_overdue(
            tenant.plans[machine.plan].schedule,
            tenant.timezone,
            now=now,
            expected_since=_find_expected_since(service, name),
            last_success_at=last_success_at,
        ),
        newest_snapshot_at=max((facts.modified_at for facts in snapshots.values()), default=None),
        witnesses_agree=success.snapshot_id in snapshots if success else None,
        retired=_retired_status(service, name, now),
        failed_generation=last.failed_generation if last else None,
        failed_generation_reason=last.failed_generation_reason if last else "",
    )


def _find_expected_since(service: Service, name: str) -> datetime | None:
    """Return since when a machine is expected to back up: its installation, or the end of a suspension after it."""
    tenant = service.tenant
    if tenant.machines[name].is_retired or find_reason(tenant) is not None or has_service_ended(service):
        return None
    installed = service.records.find_last(tenant.id, EventKind.INSTALL, name)
    if installed is None:
        return None
    changed = service.records.find_last(tenant.id, EventKind.SUSPENSION_CHANGE)
    return installed.at if changed is None else max(installed.at, changed.at)


def _retired_status(service: Service, name: str, now: datetime) -> RetiredStatus | None:
    tenant = service.tenant
    retirement = tenant.machines[name].retired
    if retirement is None:
        return None
    today = now.astimezone(ZoneInfo(tenant.timezone)).date()
    return RetiredStatus(
        on=f"{retirement.on:%Y-%m-%d}",
        keep_until=f"{retirement.keep_until:%Y-%m-%d}",
        may_be_erased=is_erasable(tenant, retirement, today),
        sentence=describe_retirement(tenant, retirement, today),
    )
