"""Access to stored data: a held tenant's data never expires, and machines are blocked or allowed as its file says."""

from collections.abc import Mapping, Sequence

from coffre.agents.kinds import with_bucket
from coffre.operations.access.gate import GateMove, GateState, look_at_gate
from coffre.operations.access.gate import settle_gate as settle
from coffre.operations.access.suspension import settle_suspension, shut_out_early
from coffre.operations.holds.settle import settle_expiry
from coffre.provisioning.terms.context import Context
from coffre.provisioning.terms.done import Admitted, Enabled, Escrowed, Guarded, Ordered, ShutOut
from coffre.provisioning.terms.found import AccessSwitch, Change, ChangeKind
from coffre.spec.access import find_reason
from coffre.spec.tenant import Tenant

_MOVES = {
    GateMove.CLOSE: ChangeKind.CLOSE_GATE,
    GateMove.OPEN: ChangeKind.OPEN_GATE,
    GateMove.STOP: ChangeKind.STOP_FILLING,
    GateMove.LET_GO_ON: ChangeKind.LET_GO_ON,
}


def shut_out(at: Context, guarded: Guarded, escrowed: Escrowed) -> ShutOut:
    """Block the machines' access to the existing buckets, before another step can fail. Allows no access."""
    shut_out_early(at.tenant, at.opened.buckets, at.existing)
    return ShutOut()


def look(at: Context) -> list[AccessSwitch | Change]:
    """Return the suspensions to change, and the changes of the expiry of earlier versions."""
    buckets = at.opened.buckets
    suspended = {
        name: buckets.open(name).is_suspended() for name in at.existing.among(with_bucket(at.tenant.active_machines()))
    }
    return [*judge_switches(at.tenant, suspended), *_look_at_expiry(at)]


def do(at: Context, enabled: Enabled) -> Admitted:
    """Apply holds and frozen retentions, then suspensions, to every bucket, with the owner's key."""
    settle_expiry(at.tenant, at.opened.buckets)
    settle_suspension(at.tenant, at.opened.buckets)
    return Admitted()


def look_at_gates(at: Context) -> list[Change]:
    """Return the gates to change."""
    own = at.opened.parts[0]
    if not own.capabilities.has_buckets:
        return []
    moves = look_at_gate(own.tenant, own.platform, own.buckets, own.log, at.existing.among(own.tenant.machines))
    return [Change(_MOVES[move], tuple(machines)) for move, machines in moves.items()]


def settle_gates(at: Context, ordered: Ordered) -> GateState:
    """Set every machine's gate by quota and wall. Machines in service already have their orders.

    It is by the part of the quota on their platform. Where none has a bucket, the platform's own quota stops them.
    """
    own = at.opened.parts[0]
    if not own.capabilities.has_buckets:
        owner, quota_bytes = own.storage.find_owner(own.buckets.owner_uid, exact=False), own.tenant.storage.quota_bytes
        return GateState(False, 0 if owner is None else owner.used_bytes, quota_bytes)
    return settle(own.tenant, own.platform, own.buckets, own.log)


def judge_switches(tenant: Tenant, suspended: Mapping[str, bool]) -> tuple[AccessSwitch, ...]:
    """Return the suspensions that apply would change; ``suspended`` is the current state, by machine. Pure."""
    reason = find_reason(tenant)
    moved = tuple(name for name, is_on in suspended.items() if is_on is (reason is None))
    return (AccessSwitch(moved, reason),) if moved else ()


def judge_expiry(stands: int | None, wanted: int | None) -> ChangeKind | None:
    """Return the change of the days after which a bucket's earlier versions expire; None for no change. Pure."""
    if stands == wanted:
        return None
    if wanted is None:
        return ChangeKind.EXPIRE_NEVER
    if stands is None:
        return ChangeKind.EXPIRE_AGAIN
    return ChangeKind.EXPIRE_SOONER if wanted < stands else ChangeKind.EXPIRE_LATER


def _look_at_expiry(at: Context) -> Sequence[Change]:
    found: dict[tuple[ChangeKind, int | None, int | None], list[str]] = {}
    for name in at.existing.among(at.tenant.machines):
        wanted = None if at.tenant.keeps_all(name) else at.tenant.storage.undelete_days
        stands = at.opened.buckets.open(name).undelete_days()
        kind = judge_expiry(stands, wanted)
        if kind is not None:
            found.setdefault((kind, stands, wanted), []).append(name)
    return [Change(kind, tuple(machines), stands, wanted) for (kind, stands, wanted), machines in found.items()]
