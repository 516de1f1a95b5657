"""The gate: machines can write backups until the sold quota is reached (contract, articles 2 and 8).

A machine that fills the storage with other data than its current backups is stopped before that
(`coffre.observation.judge.filling`).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from zoneinfo import ZoneInfo

from coffre.agents.kinds import find_layout
from coffre.errors import RefusedError, UsageError
from coffre.observation.judge.filling import Filling, MachineStore, Room, judge_filling
from coffre.observation.stores import find_words, read_store, room_of
from coffre.observation.upkeep import is_in_maintenance
from coffre.operations.acknowledge.acknowledge import forget_packs
from coffre.orders.control import put_gate_order
from coffre.records.activity import Usage
from coffre.records.facts.contract import FillReason, GateChange, GateWord
from coffre.records.facts.retention import PruningBegan, PruningEnded
from coffre.spec.access import SUSPENDED, find_reason
from coffre.spec.quota import wall_bytes
from coffre.spec.storage_platform import Platform
from coffre.spec.tenant import Tenant
from coffre.spec.values.sizes import format_bytes, format_sold
from coffre.tenant.estate.buckets import TenantBuckets
from coffre.tenant.estate.log import Log, TenantLog, fact_of
from coffre.tenant.estate.memory import TenantMemory
from coffre.tenant.lookup import find_machine
from coffre.tenant.opening import OpenTenant
from coffre.tenant.presence import refuse_unapplied
from coffre.workspace.clock import utc_now

QUOTA, FILLING, MAINTENANCE = "quota", "filling", "maintenance"
"""The reasons, as `control/gate.json` gives them to a machine."""

OnRefused = Callable[[str, RefusedError], object]
"""Called with a machine whose gate cannot be changed, and the reason."""


@dataclass(frozen=True)
class GateState:
    """The gate of a whole tenant, and its reason: the current bytes of all its machines, compared with the sold quota.

    ``filling`` names the machines that are stopped individually, at any gate, and tells whether the wall is reached.
    """

    is_closed: bool
    used_bytes: int
    quota_bytes: int
    filling: Filling = field(default_factory=Filling)
    stores: tuple[MachineStore, ...] = ()

    @property
    def explanation(self) -> str:
        used, sold = format_bytes(self.used_bytes), format_sold(self.quota_bytes)
        return f"{used} of the sold {sold} are used"

    def explain_stop(self, machine: str) -> str:
        """Say why one machine is stopped."""
        store = next(store for store in self.stores if store.machine == machine)
        if self.filling.stopped[machine] is FillReason.OBJECTS:
            return f"it has {store.objects} objects (all versions included), a large share of the tenant's objects"
        return (
            f"it fills the storage: {format_bytes(store.surplus_bytes)} of earlier versions, reports and locks, in "
            f"addition to a repository of {format_bytes(store.repository_bytes)}"
        )


OPENS_BELOW_PERCENT = 97
"""A gate that the quota closed opens again below this part of it, else it would open and close with each deletion."""


def judge_gate(used_bytes: int, quota_bytes: int, last: GateChange | None = None) -> GateState:
    """Close the gate when the sold quota is reached. Pure.

    ``last`` is the recorded state of the gate: one that is closed stays so until clearly less is used, or until another
    quota is sold.
    """
    is_still_closed = (
        last is not None
        and last.is_closed
        and last.quota_bytes == quota_bytes
        and used_bytes * 100 >= quota_bytes * OPENS_BELOW_PERCENT
    )
    return GateState(is_still_closed or used_bytes >= quota_bytes, used_bytes, quota_bytes)


def measure(tenant: Tenant, buckets: TenantBuckets, log: TenantLog) -> tuple[MachineStore, ...]:
    """Measure the content of each machine's bucket, and record it as the day's volume (contract, article 10)."""
    now = utc_now()
    today = now.astimezone(ZoneInfo(tenant.timezone)).date()
    present = buckets.existing().among(tenant.machines)
    stores = tuple(_read_store(tenant, buckets, name) for name in present)
    log.open_records().record_usage(
        Usage(
            tenant_id=tenant.id,
            machine=store.machine,
            measured_on=today,
            current_bytes=store.current_bytes,
            stored_bytes=store.stored_bytes,
            measured_at=now,
        )
        for store in stores
    )
    return stores


class GateMove(StrEnum):
    """The change of a machine's gate."""

    CLOSE = "close"
    OPEN = "open"
    STOP = "stop"
    LET_GO_ON = "let go on"


def settle_gate(
    tenant: Tenant, platform: Platform, buckets: TenantBuckets, log: TenantLog, on_refused: OnRefused | None = None
) -> GateState:
    """Compare the usage with quota and wall, and set every machine's gate accordingly; only this function does.

    A retired machine has no gate, but its backups are included; a machine without a bucket has neither. A bucket whose
    gate cannot be set, for example after an interrupted apply, is reported to ``on_refused`` and the others go on;
    without ``on_refused`` it is a RefusedError. A gate that was closed for maintenance follows the quota again: the
    caller has the tenant's lock, so no pruning is going on. A wall that a killed one left raised is put back first.
    """
    if any(is_in_maintenance(log, name) for name in tenant.active_machines()):
        buckets.lower_wall(wall_bytes(tenant.storage.quota_bytes, platform))
    stores = measure(tenant, buckets, log)
    measured = {store.machine for store in stores}
    active = [name for name in tenant.active_machines() if name in measured]
    stopped_now = [name for name in active if buckets.open(name).is_stopped()]
    state = judge_stores(tenant, log, room_of(tenant, platform), stores, stopped_now)
    # Stopped machines first: the orders that are written afterwards need room below the wall.
    for name in sorted(active, key=lambda name: name not in state.filling.stopped):
        try:
            set_gate(tenant, buckets, log, name, state)
        except RefusedError as refused:
            if on_refused is None:
                raise
            on_refused(name, refused)
            continue
        if is_in_maintenance(log, name):
            forget_packs(TenantMemory(log), name)
            log.append(PruningEnded(), name)
    return state


def settle_gate_of(opened: OpenTenant, on_refused: OnRefused | None = None) -> GateState:
    """Set the gates of a tenant's machines with a bucket by the quota of their part; see `settle_gate`.

    A tenant without buckets has no gate: its platform stops backups at the quota by itself.
    """
    part = opened.with_buckets
    if part is None:
        return GateState(is_closed=False, used_bytes=0, quota_bytes=opened.tenant.storage.quota_bytes)
    return settle_gate(part.tenant, part.platform, part.buckets, part.log, on_refused)


def close_for_maintenance(buckets: TenantBuckets, log: Log, machine: str) -> None:
    """Close one machine's gate for as long as its repository is pruned; recorded first. `settle_gate` opens it again.

    The caller has the tenant's lock until then. After a kill, whoever settles the gate next opens it.
    """
    if not is_in_maintenance(log, machine):
        log.append(PruningBegan(), machine)
    buckets.open(machine).set_gate(closed=True)
    put_gate_order(buckets, machine, is_closed=True, reason=MAINTENANCE, since=utc_now())


def set_gate(tenant: Tenant, buckets: TenantBuckets, log: Log, machine: str, state: GateState) -> bool:
    """Open or close one machine's gate: first the policy, which blocks it, then the order, which gives it the reason.

    A machine whose access is suspended still gets that reason. Returns whether something changed; may run twice. A
    change is recorded.
    """
    bucket, is_filling = buckets.open(machine), machine in state.filling.stopped
    is_closed = state.is_closed or is_filling
    changed = bucket.set_stop(is_filling)
    changed = bucket.set_gate(closed=is_closed) or changed
    shut_out = (find_reason(tenant) or SUSPENDED) if bucket.is_suspended() else None
    reason = shut_out or (FILLING if is_filling else QUOTA)
    told = put_gate_order(buckets, machine, is_closed=is_closed or shut_out is not None, reason=reason, since=utc_now())
    if changed or told:
        stored_bytes = sum(store.stored_bytes for store in state.stores)
        filling = state.filling.stopped.get(machine)
        log.append(GateChange(is_closed, state.used_bytes, state.quota_bytes, stored_bytes, filling), machine)
    return changed or told


def look_at_gate(
    tenant: Tenant, platform: Platform, buckets: TenantBuckets, log: TenantLog, machines: Collection[str]
) -> Mapping[GateMove, Sequence[str]]:
    """Return the machines whose gates `settle_gate` would change, by change; ``machines`` are those with a bucket."""
    opened = {name: buckets.open(name) for name in machines}
    stores = tuple(_read_store(tenant, buckets, name) for name in machines)
    active = [name for name in tenant.active_machines() if name in opened]
    stopped_now = [name for name in active if opened[name].is_stopped()]
    state = judge_stores(tenant, log, room_of(tenant, platform), stores, stopped_now)
    moves: dict[GateMove, list[str]] = {}
    for name in active:
        stops, was_stopped = name in state.filling.stopped, name in stopped_now
        if stops != was_stopped:
            moves.setdefault(GateMove.STOP if stops else GateMove.LET_GO_ON, []).append(name)
        elif not stops and state.is_closed != opened[name].is_gate_closed():
            moves.setdefault(GateMove.CLOSE if state.is_closed else GateMove.OPEN, []).append(name)
    return moves


def _read_store(tenant: Tenant, buckets: TenantBuckets, machine: str) -> MachineStore:
    return read_store(buckets, machine, find_layout(find_machine(tenant, machine)))


def judge_stores(
    tenant: Tenant, log: Log, room: Room, stores: tuple[MachineStore, ...], stopped_now: Sequence[str]
) -> GateState:
    """Return the state of the gate that these contents of the buckets ask for."""
    used_bytes, quota_bytes = sum(store.current_bytes for store in stores), tenant.storage.quota_bytes
    words = find_words(log, tenant.active_machines())
    return GateState(
        is_closed=judge_gate(used_bytes, quota_bytes, fact_of(log.last(GateChange))).is_closed,
        used_bytes=used_bytes,
        quota_bytes=quota_bytes,
        filling=judge_filling(stores, room, stopped_now, words),
        stores=stores,
    )


def give_word(tenant: Tenant, buckets: TenantBuckets, log: TenantLog, machine: str, reason: str) -> None:
    """Record an operator's permission for a machine that fills the storage, until it has grown by as much again.

    `settle_gate` then opens its gate.
    """
    if find_machine(tenant, machine).is_retired:
        raise UsageError(f"{machine} is retired: it has no gate", "Its backups stay until `keep_until`.")
    refuse_unapplied(tenant, buckets, log, [machine])
    store = _read_store(tenant, buckets, machine)
    log.append(GateWord(reason, store.surplus_bytes, store.objects), machine)
