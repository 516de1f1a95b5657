"""Watches one tenant: looks, moves the gate when it must move, judges, and says what the records must keep."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from coffre.agents.kinds import with_bucket
from coffre.errors import BusyError
from coffre.findings import FindingKind
from coffre.observation.drills.history import find_drill_duty
from coffre.observation.duty import find_duty
from coffre.observation.judge.sizes import leave_out_attacked
from coffre.observation.stores import room_of
from coffre.observation.upkeep import is_in_maintenance
from coffre.operations.access.gate import GateState, judge_stores, settle_gate_of
from coffre.records.actor import Author
from coffre.records.database.supervision import Noted, Watched
from coffre.records.events import Event
from coffre.records.facts.contract import GateChange
from coffre.records.facts.fact import Fact, RecordedFinding
from coffre.records.facts.registry import kind_of, write_fact
from coffre.records.facts.supervision import FindingClosed, FindingOpened
from coffre.records.kept_findings import KeptFinding
from coffre.secrets.store import OnNotice
from coffre.spec.access import find_reason
from coffre.spec.loader import Checkout
from coffre.spec.quota import wall_bytes
from coffre.spec.tenant import Tenant
from coffre.supervision.brake import brake, tell_frozen, tell_weakened
from coffre.supervision.findings.life import Settled, Subject, settle
from coffre.supervision.judge.attacks.attack import Weakened
from coffre.supervision.judge.ghosts import judge_deployment
from coffre.supervision.judge.parts import judge_parts, list_full
from coffre.supervision.judge.quota import QUOTA_KINDS, Limits, is_reached, list_warned, next_look_seconds
from coffre.supervision.judge.tenant import MachineWords, TenantVerdict, judge_tenant
from coffre.supervision.observe.look import TenantLook, look_at_tenant
from coffre.supervision.observe.owners import Owners
from coffre.supervision.observe.resting import UNMARKED_EVERY, recall_look, remember_next
from coffre.supervision.telling.outbox_state import OUTBOX_KINDS
from coffre.tenant.departure import STILL_SERVED, find_stage
from coffre.tenant.estate.log import Log, fact_of
from coffre.tenant.locking import tenant_locked
from coffre.tenant.opening import OpenTenant, open_tenants

OF_TIME = frozenset({FindingKind.BACKUP_LATE, FindingKind.BACKUP_MISSED, FindingKind.MACHINE_NOT_DEPLOYED})
"""The findings that time alone opens and ends."""
OF_PARTS = frozenset(
    {
        FindingKind.PART_FULL,
        FindingKind.USE_NOT_TOLD,
        FindingKind.USERS_GONE,
        FindingKind.VENDOR_ALERT,
        FindingKind.AGENT_NOT_DECLARED,
        FindingKind.LICENCES_NOT_GRANTED,
        FindingKind.LICENCES_NOT_ORDERED,
    }
)
"""The findings of a whole tenant that come from its parts: one that did not answer ends none of them."""


@dataclass(frozen=True)
class Known:
    """What the records know of a tenant before a look: the last looks, the open findings, and its newest event.

    ``weakened`` are the machines of which lately applied settings protect less.
    """

    watched: Mapping[str, Watched]
    findings: Sequence[KeptFinding]
    event_id: int
    weakened: Mapping[str, Weakened] = field(default_factory=dict)
    owners: Owners | None = None
    """What platforms that count use themselves tell."""


@dataclass(frozen=True)
class TenantWatch:
    """What a look at one tenant led to."""

    slug: str
    look: TenantLook
    settled: Settled
    noted: Noted
    next_look_at: datetime


def watch(opened: OpenTenant, known: Known, now: datetime, every: timedelta) -> TenantWatch | None:
    """Watch a tenant as it was last applied; None when its service has ended.

    The brake comes first: an attack waits for nothing. The gate is moved under the tenant's lock. What else changes in
    the records is in `Noted`. PlatformAwayError or another ExpectedError: the tenant could not be looked at, and
    nothing of it is judged.
    """
    tenant = opened.tenant
    stage = find_stage(opened.log)
    if stage is not None and stage not in STILL_SERVED:
        return None
    kept = known.findings
    remembered = recall_look(opened, known.watched, known.event_id, now)
    if remembered is not None:
        return _judge_time(opened, remembered, kept, now)
    look = look_at_tenant(opened, known.watched, known.event_id, now, known.weakened, known.owners)
    frozen = brake(opened, look.suspicions)
    moved = _move_gate(opened, look)
    state = moved or fact_of(opened.log.last(GateChange))
    is_closed = state is not None and state.is_closed
    verdict = _judge(opened, look, kept, now, is_gate_closed=is_closed)
    parts = judge_parts(look.parts, list_full(kept))
    found = [*look.findings, *verdict.findings, *parts, *tell_frozen(frozen), *tell_weakened(known.weakened)]
    found = leave_out_attacked(found)
    storage_at, next_look_at = _next_looks(opened, look, verdict, now, every, is_closed=is_closed)
    settled = settle(Subject(tenant.id, tenant.slug), kept, found, lambda each: _was_looked_at(each, look), now)
    noted = Noted(
        tenant.id,
        now,
        look.watched if opened.capabilities.has_marks else remember_next(look, now, storage_at),
        settled.written,
        [each.id for each in settled.same if each.id is not None],
        [*tell(settled, opened.log.author, now)],
        usages=look.measured.usages,
        midnights=look.measured.midnights,
    )
    return TenantWatch(tenant.slug, look, settled, noted, next_look_at)


def _judge_time(opened: OpenTenant, look: TenantLook, kept: Sequence[KeptFinding], now: datetime) -> TenantWatch:
    """Judge by what the last look saw only what time alone changes; everything else stays as it is."""
    tenant = opened.tenant
    state = fact_of(opened.log.last(GateChange))
    verdict = _judge(opened, look, kept, now, is_gate_closed=state is not None and state.is_closed)
    found = [each for each in verdict.findings if each.kind in OF_TIME]
    settled = settle(Subject(tenant.id, tenant.slug), kept, found, lambda each: each.place.kind in OF_TIME, now)
    same = [each.id for each in settled.same if each.id is not None]
    noted = Noted(tenant.id, now, {}, settled.written, same, [*tell(settled, opened.log.author, now)])
    next_look_at = look.next_look_at or now
    if verdict.changes_at is not None:
        next_look_at = max(now, min(next_look_at, verdict.changes_at))
    return TenantWatch(tenant.slug, look, settled, noted, next_look_at)


def _next_looks(
    opened: OpenTenant, look: TenantLook, verdict: TenantVerdict, now: datetime, every: timedelta, *, is_closed: bool
) -> tuple[datetime, datetime]:
    """Return when the storage must be looked at again, and when anything must: time alone changes some findings."""
    part = opened.with_buckets
    if part is None:  # its platform stops backups at the quota by itself, and tells its figures hours later
        at = now + max(every, UNMARKED_EVERY)
        return at, at if verdict.changes_at is None else max(now, min(at, verdict.changes_at))
    quota_bytes, counting = part.tenant.storage.quota_bytes, opened.platform.counting
    wall = wall_bytes(quota_bytes, opened.platform) if opened.capabilities.has_wall else None
    intake = counting.count * counting.intake_bytes
    # Between two looks an hour apart nobody sees how fast it was: then the line of the platform counts.
    peak = look.peak if opened.capabilities.has_marks else None
    possible = intake if peak is None else min(intake, peak.bytes_per_second)
    every = every if opened.capabilities.has_marks else max(every, UNMARKED_EVERY)
    at = now + every
    if wall is not None or not is_closed:  # behind a closed gate nobody begins to write, and there only a wall is left
        limits, rate = Limits(quota_bytes, wall), 0.0 if is_closed else possible
        at = now + timedelta(seconds=next_look_seconds(look.uses, limits, now, int(every.total_seconds()), rate))
    return at, at if verdict.changes_at is None else max(now, min(at, verdict.changes_at))


def _move_gate(opened: OpenTenant, look: TenantLook) -> GateState | None:
    """Move the gates of a tenant when what was seen asks for it; None when nothing was moved.

    While another command works on the tenant, the next look decides: apply and backup move its gates themselves.
    """
    part = opened.with_buckets
    if part is None or look.uses[-1].current_bytes is None:
        return None  # without buckets there is no gate; an unknown use moves nothing, and the wall still stands
    tenant, log = part.tenant, opened.log
    stores = tuple(each.store(name) for name, each in look.machines.items() if name in with_bucket(tenant.machines))
    stopped_now = [name for name, each in look.machines.items() if each.is_stopped]
    state = judge_stores(tenant, log, room_of(tenant, opened.platform), stores, stopped_now)
    in_service = [store.machine for store in stores if store.machine in tenant.active_machines()]
    if all(_is_recorded(log, name, state) for name in in_service) and not is_in_maintenance(log):
        return None
    try:
        return _settle_under_lock(opened.checkout, tenant, opened.on_notice)
    except BusyError:
        return None


def _is_recorded(log: Log, machine: str, state: GateState) -> bool:
    """Tell whether the recorded gate of a machine is the one that the use asks for; one without a record is open."""
    last = fact_of(log.last(GateChange, machine))
    filling = state.filling.stopped.get(machine)
    if last is None:
        return not state.is_closed and filling is None
    return (last.is_closed, last.filling) == (state.is_closed, filling)


def _settle_under_lock(checkout: Checkout, tenant: Tenant, on_notice: OnNotice) -> GateState:
    """Take the tenant's lock, look again, and set every gate."""

    def refused(machine: str, problem: Exception) -> None:
        on_notice(f"{tenant.slug}: the gate of {machine} cannot be set: {problem}")

    with tenant_locked(checkout, tenant.slug, "supervise"), open_tenants(checkout, on_notice) as opener:
        now = opener.open(tenant.slug)
        return settle_gate_of(now, refused)


def _judge(
    opened: OpenTenant, look: TenantLook, kept: Sequence[KeptFinding], now: datetime, *, is_gate_closed: bool
) -> TenantVerdict:
    tenant, settings = opened.tenant, opened.checkout.settings.drills
    seen = {name: each for name, each in look.machines.items() if name in tenant.active_machines()}
    words = {
        name: MachineWords(each.last_result, each.last_success_at, each.newest_snapshot_at, each.witnesses_agree)
        for name, each in seen.items()
    }
    duties = {name: find_duty(tenant, opened.log, name) for name in seen}
    waiting_since = {
        name: seen[name].known_since or now
        for name, duty in duties.items()
        if duty.since is None and find_reason(tenant) is None
    }
    has_one_gate = len(opened.parts) == 1 and opened.with_buckets is not None
    verdict = judge_tenant(
        look.use,
        tenant.storage.quota_bytes,
        words,
        duties,
        now,
        is_gate_closed=is_gate_closed if has_one_gate else is_reached(look.use, tenant.storage.quota_bytes, kept),
        warned=list_warned(kept),
        drills=[
            due
            for name, duty in duties.items()
            if (due := find_drill_duty(tenant, settings, duty, seen[name].first_backup_at, seen[name].drilled_at))
        ],
    )
    return replace(verdict, findings=(*verdict.findings, *judge_deployment(waiting_since, now)))


def _was_looked_at(kept: KeptFinding, look: TenantLook) -> bool:
    if kept.place.kind in OUTBOX_KINDS:
        return False
    if kept.place.kind in QUOTA_KINDS:
        return look.use.current_bytes is not None
    if look.problems and not kept.place.machine and kept.place.kind in OF_PARTS:
        return False
    return kept.place.machine not in look.unseen


def tell(settled: Settled, author: Author, now: datetime) -> Iterator[Event]:
    """Yield the events of the findings that were opened and closed."""
    for each in settled.opened:
        finding = RecordedFinding(each.place.kind, each.evidence)
        yield _event(each, FindingOpened(finding, each.place.detail, each.place.platform), author, now)
    for each in settled.closed:
        closed = FindingClosed(each.place.kind, each.since, each.place.detail, each.place.platform)
        yield _event(each, closed, author, now)


def _event(about: KeptFinding, fact: Fact, author: Author, now: datetime) -> Event:
    return Event(
        tenant_id=about.place.tenant_id,
        slug=about.slug,
        kind=kind_of(type(fact)),
        at=now,
        actor=author.actor,
        commit=author.commit,
        machine=about.place.machine or None,
        details=write_fact(fact),
    )
