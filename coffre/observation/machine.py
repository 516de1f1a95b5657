"""The current state of one machine, from its bucket: reports, snapshots, orders, and irregular objects among them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

import coffre
from coffre.agents.desired import InvalidOrdersError, OutdatedOrdersError
from coffre.agents.home import AgentOwner
from coffre.agents.report import ReportPath
from coffre.errors import ExpectedError
from coffre.findings import Evidence, Finding, FindingKind, SetAside, sum_up
from coffre.observation import sighting
from coffre.observation.drills.history import DrillHistory, read_history
from coffre.observation.drills.judge import judge_drills
from coffre.observation.duty import find_duty, find_expected_since
from coffre.observation.judge import continuity
from coffre.observation.judge.agent import Deployed, judge_agent
from coffre.observation.judge.duty import judge_duty
from coffre.observation.judge.filling import MachineStore
from coffre.observation.judge.gaps import judge_gaps
from coffre.observation.judge.pack_rounds import is_late
from coffre.observation.report_shelf import Reported
from coffre.observation.reports import find_wanted
from coffre.observation.retired import RetiredStatus, judge_retirement
from coffre.observation.rounds import VerificationStatus, find_status
from coffre.observation.sighting import Sighting
from coffre.observation.stores import count_store
from coffre.observation.upkeep import is_in_maintenance, judge_retention
from coffre.orders.control import TenantOrders, find_gate_order
from coffre.records.facts.agents import OrdersWritten
from coffre.spec import naming
from coffre.spec.tenant import AgentKind, Tenant
from coffre.storage.driver import Bucket
from coffre.storage.values import PlatformAwayError
from coffre.tenant.estate.agents import find_deployment
from coffre.tenant.estate.log import Log
from coffre.tenant.estate.memory import TenantMemory
from coffre.tenant.opening import OpenTenant


@dataclass(frozen=True)
class MachineStatus:
    """One machine. None means unknown.

    ``retired`` is None for a machine in service. The two sources are separate: ``last_success_at`` and ``last_result``
    are what the agent reports, ``newest_snapshot_at`` and ``snapshots`` what the bucket contains; ``witnesses_agree``
    is False when the agent claims a snapshot that storage does not have. ``failed_generation`` are newer orders than
    the current ones, which the machine could not apply for the reason beside it. ``orders_seen_at`` is when the machine
    last read valid orders from storage, by its newest report. ``paths`` is what each path of the plan gave in its
    newest run, and ``integrity`` the result of reading its snapshot back.
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
    orders_seen_at: datetime | None = None
    verification: VerificationStatus | None = None
    all_versions_bytes: int | None = None
    all_versions_objects: int | None = None
    paths: tuple[ReportPath, ...] | None = None
    integrity: str | None = None


@dataclass(frozen=True)
class MachineLook:
    """One read of a machine's bucket; the switches are None for a retired machine, which has none.

    ``keeps_all``: something may expire, or the platform deletes nothing by itself. ``arrivals`` is when each snapshot
    of the bucket arrived, ``reported`` what its reports say; ``has_lock``: a run goes on, or was cut off. ``history``
    are its drills so far.
    """

    status: MachineStatus
    findings: tuple[Finding, ...]
    is_gate_closed: bool | None
    is_suspended: bool | None
    keeps_all: bool
    store: MachineStore
    is_stopped: bool
    arrivals: Mapping[str, datetime]
    reported: Reported
    has_lock: bool
    history: DrillHistory


def look_at_machine(opened: OpenTenant, name: str, now: datetime) -> MachineLook | Finding:
    """Read a machine's bucket; irregular content is a finding, and so is a bucket that cannot be read."""
    try:
        return _look(opened, name, now)
    except PlatformAwayError:
        raise
    except ExpectedError as problem:
        return Finding(FindingKind.NOT_SEEN, name, {"error": problem.message})


def judge_absence(memory: TenantMemory, name: str) -> tuple[Finding, ...]:
    """Report that a machine's bucket is gone from the platform, if it had known snapshots."""
    return continuity.judge_absence(name, memory.recall(name))


def hear_machine(opened: OpenTenant, name: str, now: datetime) -> MachineStatus | Finding:
    """Return what a machine's agent says of it, for a kind whose machines have no bucket; or why it is not heard."""
    tenant = opened.tenant
    try:
        heard = opened.agents.open(name).hear(AgentOwner(tenant.id, name))
    except ExpectedError as problem:
        return Finding(FindingKind.NOT_SEEN, name, {"error": problem.message})
    last_success_at = heard.success.finished_at if heard.success else None
    return replace(
        unknown_machine(tenant, name, now),
        last_success_at=last_success_at,
        last_result=heard.last.result.value if heard.last else "never",
        overdue=_is_overdue(tenant, opened.log, name, now, last_success_at),
    )


def unknown_machine(tenant: Tenant, name: str, now: datetime) -> MachineStatus:
    """Return the status of a machine that cannot be observed."""
    agent = tenant.machines[name].agent.value
    retired = _retired_status(tenant, name, now)
    return MachineStatus(name, agent, None, None, None, None, None, None, None, None, None, retired)


def _look(opened: OpenTenant, name: str, now: datetime) -> MachineLook:
    tenant, machine, bucket = opened.tenant, opened.tenant.machines[name], opened.buckets.open(name)
    seen = sighting.look(opened.tenant, opened.buckets, opened.secrets, opened.memory, name, now)
    last, success = seen.reported.last, seen.reported.success
    generation, documents = _look_at_documents(opened, name, bucket)
    last_success_at = success.finished_at if success else None
    history = read_history(opened.log, name, seen.memory)
    store = count_store(opened.buckets, name, seen.current_bytes, seen.repository_bytes)
    status = MachineStatus(
        name=name,
        agent=machine.agent.value,
        last_success_at=last_success_at,
        last_result=last.result.value if last else "never",
        snapshots=seen.snapshots,
        stored_bytes=seen.current_bytes,
        generation_wanted=generation,
        generation_applied=last.generation_applied if last else None,
        overdue=_is_overdue(tenant, opened.log, name, now, last_success_at),
        newest_snapshot_at=seen.newest_snapshot_at,
        witnesses_agree=success.snapshot_id in seen.stored.snapshots if success else None,
        retired=_retired_status(tenant, name, now),
        failed_generation=last.failed_generation if last else None,
        failed_generation_reason=last.failed_generation_reason if last else "",
        orders_seen_at=last.orders_seen_at if last else None,
        verification=_find_verification(tenant, opened.log, name, now, opened.checkout.settings.verify.period_days),
        all_versions_bytes=store.stored_bytes,
        all_versions_objects=store.objects,
        paths=last.paths if last else None,
        integrity=last.integrity.value if last and last.integrity else None,
    )
    applied = [seen.applied] if isinstance(seen.applied, SetAside) else []
    found = (
        seen.others,
        _without_pruned(seen.losses) if is_in_maintenance(opened.log, name) else seen.losses,
        sum_up(FindingKind.REPORT_SET_ASIDE, name, seen.reported.aside),
        _judge_odd_objects(name, seen),
        documents,
        sum_up(FindingKind.APPLIED_SET_ASIDE, name, applied),
        sum_up(FindingKind.SNAPSHOT_TIME, name, seen.snapshots_aside),
        _judge_verification(name, status.verification),
        ()
        if machine.is_retired
        else judge_agent(name, last, _find_deployed(opened.log, name, machine.agent, generation), now),
        () if machine.is_retired else judge_drills(name, history.drills, tenant.second_platform),
        judge_retention(tenant, opened.log, name, seen, store.stored_bytes, now),
        () if machine.is_retired else judge_gaps(find_wanted(opened.tenant, opened.log, name), last, seen.whole_at),
    )
    return MachineLook(
        status=status,
        findings=tuple(finding for part in found for finding in part),
        is_gate_closed=None if machine.is_retired else bucket.is_gate_closed(),
        is_suspended=None if machine.is_retired else bucket.is_suspended(),
        keeps_all=not tenant.keeps_all(name) or not bucket.list_expiry_rules(),
        store=store,
        is_stopped=not machine.is_retired and bucket.is_stopped(),
        arrivals=seen.arrivals,
        reported=seen.reported,
        has_lock=seen.has_lock,
        history=history,
    )


def _without_pruned(losses: Iterable[Finding]) -> list[Finding]:
    """Leave out what a pruning that is going on takes away: afterwards a loss is seen again."""
    return [each for each in losses if each.kind not in (FindingKind.SNAPSHOTS_GONE, FindingKind.PACKS_GONE)]


def _is_overdue(tenant: Tenant, log: Log, name: str, now: datetime, last_success_at: datetime | None) -> bool | None:
    return judge_duty(find_duty(tenant, log, name), last_success_at, now).finding is not None


def _find_deployed(log: Log, name: str, agent: AgentKind, generation: int | None) -> Deployed:
    written, installed = log.last(OrdersWritten, name), find_deployment(log, name, agent)
    written_at = written.at if written is not None and written.fact.generation == generation else None
    return Deployed(generation, written_at, None if installed is None else installed.at, coffre.__version__)


def _judge_odd_objects(name: str, seen: Sighting) -> list[Finding]:
    found, foreign = [], seen.foreign
    if seen.reported.unread:
        found.append(Finding(FindingKind.REPORTS_FLOODED, name, {"count": seen.reported.unread}))
    if foreign.count:
        found.append(Finding(FindingKind.FOREIGN_KEYS, name, {"key": foreign.first, "count": foreign.count}))
    return found


def _look_at_documents(opened: OpenTenant, name: str, bucket: Bucket) -> tuple[int | None, list[Finding]]:
    """Return the generation of a machine's orders, and the faults of SMILÉO's documents in its bucket."""
    generation, findings = None, []
    try:
        orders = TenantOrders.of(opened).read(name)
        generation = orders["generation"] if orders else None
    except OutdatedOrdersError as problem:
        generation = problem.recorded
        evidence: Evidence = {
            "key": naming.DESIRED_KEY,
            "generation": problem.generation,
            "recorded": problem.recorded,
        }
        findings.append(Finding(FindingKind.ORDERS_OUTDATED, name, evidence))
    except InvalidOrdersError as problem:
        aside = SetAside(naming.DESIRED_KEY, problem.fault)
        findings += sum_up(FindingKind.ORDERS_SET_ASIDE, name, [aside])
    gate = find_gate_order(bucket)
    if isinstance(gate, SetAside):
        findings += sum_up(FindingKind.GATE_SET_ASIDE, name, [gate])
    return generation, findings


def _find_verification(tenant: Tenant, log: Log, name: str, now: datetime, days: int) -> VerificationStatus | None:
    found = find_status(log, name)
    since = find_expected_since(tenant, log, name)
    started_at = None if found is None else found.last_full_round_started_at
    if not is_late(started_at, since, now, days):
        return found
    return VerificationStatus(is_late=True) if found is None else replace(found, is_late=True)


def _judge_verification(name: str, seen: VerificationStatus | None) -> list[Finding]:
    if seen is None:
        return []
    findings = []
    if seen.damaged_count or seen.problem:
        evidence: Evidence = {
            "pack": seen.damaged_pack,
            "count": seen.damaged_count,
            "error": seen.problem,
            "at": None if seen.looked_at is None else seen.looked_at.isoformat(),
        }
        findings.append(Finding(FindingKind.REPOSITORY_DAMAGED, name, evidence))
    if seen.is_late:
        last = seen.last_full_round_at
        findings.append(
            Finding(
                FindingKind.VERIFICATION_LATE, name, {"last_full_round_at": None if last is None else last.isoformat()}
            )
        )
    return findings


def _retired_status(tenant: Tenant, name: str, now: datetime) -> RetiredStatus | None:
    retirement = tenant.machines[name].retired
    if retirement is None:
        return None
    return judge_retirement(tenant, retirement, now.astimezone(ZoneInfo(tenant.timezone)).date())
