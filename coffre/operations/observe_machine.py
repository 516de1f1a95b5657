"""What is true of one machine right now, from its bucket: reports, snapshots, orders, and what is odd among them."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from coffre.agents.desired import InvalidOrdersError
from coffre.agents.report import Report, ReportResult
from coffre.errors import ExpectedError
from coffre.operations.control import find_gate_order, read_orders
from coffre.operations.departure import has_service_ended
from coffre.operations.findings import Finding, FindingKind, SetAside, sum_up
from coffre.operations.overdue import is_overdue
from coffre.operations.reports import iter_entries, look_at_applied
from coffre.operations.retired import describe_retirement, is_erasable
from coffre.operations.service import Service
from coffre.operations.suspension import find_reason
from coffre.outside.faults import Fault
from coffre.outside.times import UnbelievableTimeError, check_time
from coffre.records.events import EventKind
from coffre.spec import naming
from coffre.storage.driver import Bucket, PlatformAwayError

SNAPSHOTS_PREFIX = f"{naming.RESTIC_PREFIX}snapshots/"
MAX_ASIDE = 1000
"""How many odd snapshot objects of a machine are counted."""


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
class Look:
    """One look at a machine's bucket; the switches are None for a retired machine, which has none.

    ``keeps_all``: no hold is on, or the platform deletes nothing by itself.
    """

    status: MachineStatus
    findings: tuple[Finding, ...]
    is_gate_closed: bool | None
    is_suspended: bool | None
    keeps_all: bool


def look_at_machine(service: Service, name: str, now: datetime) -> Look | Finding:
    """Look at a machine's bucket; what is odd in it is a finding, and so is a bucket that cannot be looked at."""
    try:
        return _look(service, name, now)
    except PlatformAwayError:
        raise
    except ExpectedError as problem:
        return Finding(FindingKind.NOT_SEEN, name, {"error": problem.message})


def unknown_machine(service: Service, name: str, now: datetime) -> MachineStatus:
    """Return what is said of a machine of which nothing can be seen."""
    agent = service.tenant.machines[name].agent.value
    retired = _retired_status(service, name, now)
    return MachineStatus(name, agent, None, None, None, None, None, None, None, None, None, retired)


def _look(service: Service, name: str, now: datetime) -> Look:
    tenant, machine, bucket = service.tenant, service.tenant.machines[name], service.owner_bucket(name)
    reported = _read_reports(bucket, now)
    last, success = reported.last, reported.success
    claimed = None if success is None or success.snapshot_id is None else SNAPSHOTS_PREFIX + success.snapshot_id
    stored = _look_at_snapshots(bucket, claimed, now)
    generation, documents = _look_at_documents(service, name, bucket, now)
    last_success_at = success.finished_at if success else None
    seen = MachineStatus(
        name=name,
        agent=machine.agent.value,
        last_success_at=last_success_at,
        last_result=last.result.value if last else "never",
        snapshots=stored.count,
        stored_bytes=bucket.current_bytes(),
        generation_wanted=generation,
        generation_applied=last.generation_applied if last else None,
        overdue=is_overdue(
            tenant.plans[machine.plan].schedule,
            tenant.timezone,
            now=now,
            expected_since=_find_expected_since(service, name),
            last_success_at=last_success_at,
        ),
        newest_snapshot_at=stored.newest_at,
        witnesses_agree=stored.has_claimed if success else None,
        retired=_retired_status(service, name, now),
        failed_generation=last.failed_generation if last else None,
        failed_generation_reason=last.failed_generation_reason if last else "",
    )
    aside = (
        sum_up(FindingKind.REPORT_SET_ASIDE, name, reported.aside),
        documents,
        sum_up(FindingKind.SNAPSHOT_TIME, name, stored.aside),
    )
    return Look(
        status=seen,
        findings=tuple(finding for part in aside for finding in part),
        is_gate_closed=None if machine.is_retired else bucket.is_gate_closed(),
        is_suspended=None if machine.is_retired else bucket.is_suspended(),
        keeps_all=tenant.hold is None or not bucket.list_expiry_rules(),
    )


@dataclass(frozen=True)
class _Reported:
    """What a machine reports: its newest report and its newest success, and what was set aside on the way to them."""

    last: Report | None
    success: Report | None
    aside: tuple[SetAside, ...]


def _read_reports(bucket: Bucket, now: datetime) -> _Reported:
    last: Report | None = None
    aside: list[SetAside] = []
    for entry in iter_entries(bucket, now):
        if isinstance(entry, SetAside):
            aside.append(entry)
            continue
        last = last or entry
        if entry.result is ReportResult.SUCCESS:
            return _Reported(last, entry, tuple(aside))
    return _Reported(last, None, tuple(aside))


@dataclass(frozen=True)
class _Stored:
    """What storage has of snapshots; ``newest_at`` is of those whose time can be."""

    count: int
    newest_at: datetime | None
    has_claimed: bool
    aside: tuple[SetAside, ...]


def _look_at_snapshots(bucket: Bucket, claimed: str | None, now: datetime) -> _Stored:
    count, newest_at, has_claimed, aside = 0, None, False, list[SetAside]()
    for facts in bucket.walk_objects(SNAPSHOTS_PREFIX):
        count += 1
        has_claimed = has_claimed or facts.key == claimed
        try:
            modified_at = check_time(facts.modified_at, now)
        except UnbelievableTimeError:
            if len(aside) < MAX_ASIDE:
                aside.append(SetAside(facts.key, Fault.UNBELIEVABLE_TIME))
            continue
        newest_at = modified_at if newest_at is None else max(newest_at, modified_at)
    return _Stored(count, newest_at, has_claimed, tuple(aside))


def _look_at_documents(service: Service, name: str, bucket: Bucket, now: datetime) -> tuple[int | None, list[Finding]]:
    """Return the generation of a machine's orders, and what is wrong with the small documents of its bucket."""
    generation, findings = None, []
    try:
        orders = read_orders(service, bucket)
        generation = orders["generation"] if orders else None
    except InvalidOrdersError as problem:
        aside = SetAside(naming.DESIRED_KEY, problem.fault)
        findings += sum_up(FindingKind.ORDERS_SET_ASIDE, name, [aside])
    gate, applied = find_gate_order(bucket), look_at_applied(bucket, now)
    if isinstance(gate, SetAside):
        findings += sum_up(FindingKind.GATE_SET_ASIDE, name, [gate])
    if isinstance(applied, SetAside):
        findings += sum_up(FindingKind.APPLIED_SET_ASIDE, name, [applied])
    return generation, findings


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
