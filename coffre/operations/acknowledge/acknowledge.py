"""Records that a loss is accepted, by whom and why. Nothing else removes an expectation from the memory.

Operations that hide snapshots or packs from SMILÉO (undelete, set-aside, pruning) call it before and after.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from coffre.agents.report import ReportPath
from coffre.errors import RefusedError, UsageError
from coffre.findings import Finding, FindingKind
from coffre.observation.judge import continuity, identity
from coffre.observation.sighting import look
from coffre.orders.accepted_paths import list_acceptable, record_accepted
from coffre.orders.control import TenantOrders
from coffre.records.facts.backups import NewRepository, SnapshotsReleased
from coffre.records.facts.fact import RecordedFinding
from coffre.records.memory import Memory
from coffre.tenant.estate.log import Log
from coffre.tenant.estate.memory import TenantMemory
from coffre.tenant.opening import OpenTenant
from coffre.tenant.presence import refuse_unapplied
from coffre.workspace.clock import utc_now

ACKNOWLEDGED = "acknowledged"
HIDDEN = "hidden_by_undelete"
SET_ASIDE = "set_aside"
BEGUN_ANEW = "new_repository"
PRUNED = "pruned"

_IDS_AN_EVENT = 1000


@dataclass(frozen=True)
class Acknowledged:
    """What is no longer expected: the losses, the number of snapshots among them, and paths that gave less.

    ``generation`` is that of the orders that tell the machine about the paths, None when there are none.
    """

    machine: str
    losses: tuple[Finding, ...]
    snapshots: int
    paths: tuple[ReportPath, ...] = ()
    generation: int | None = None


def release_snapshots(log: Log, memory: TenantMemory, machine: str, ids: Iterable[str], why: str) -> None:
    """Record that these snapshots may be missing; they and their packs are no longer expected. May run twice."""
    gone = list(ids)
    _record_released(log, machine, gone, SnapshotsReleased(why, ()))
    memory.change(machine, lambda known: continuity.release(known, gone, why, utc_now()))


def expect_no_more(memory: TenantMemory, machine: str, ids: Sequence[str], why: str) -> None:
    """Remove snapshots with a recorded release from the expected ones; called again once they are hidden.

    A read between the release and the hiding may have seen them, and would expect them again.
    """
    memory.change(machine, lambda known: continuity.release(known, ids, why, utc_now()))


def forget_packs(memory: TenantMemory, machine: str) -> None:
    """Expect no packs of a machine that was pruned; a read that began before learns none of them again."""

    def forget(known: Memory) -> Memory:
        pruned = [each.snapshot_id for each in known.snapshots.values() if each.released == PRUNED]
        return continuity.release(known, pruned, PRUNED, utc_now())

    memory.change(machine, forget)


def begin_anew(log: Log, memory: TenantMemory, machine: str, reason: str) -> None:
    """Record that a machine's repository starts again; its earlier content is no longer expected."""
    known = memory.read(machine).expected
    newest = max(known, key=lambda each: each.seen_at, default=None)
    log.append(NewRepository(reason, len(known), newest.snapshot_id if newest is not None else None), machine)
    memory.change(machine, lambda known: continuity.begin_anew(known, BEGUN_ANEW, utc_now()))


def acknowledge(opened: OpenTenant, machine: str, reason: str) -> Acknowledged:
    """Record that the losses of a machine's storage are known, and why: they raise no alarm, later losses do.

    The same for paths of its plan that gave nothing or nearly nothing in its last run: its orders say that this is
    correct. RefusedError while the repository itself is gone: restore it, or create a new one with `coffre apply`.
    """
    check_reason(reason)
    opened.machine(machine)
    refuse_unapplied(opened.tenant, opened.buckets, opened.log, [machine])
    seen = look(opened.tenant, opened.buckets, opened.secrets, opened.memory, machine)
    if any(loss.kind in (FindingKind.REPOSITORY_GONE, FindingKind.REPORT_KEY_LACKING) for loss in seen.losses):
        raise RefusedError(
            f"{opened.tenant.slug}/{machine}: its repository cannot be opened",
            "Restore it with `coffre undelete`. If it is completely lost, create a new one with `coffre apply "
            f"{opened.tenant.slug} --new-repository {machine} --reason TEXT`.",
        )
    paths = record_accepted(opened.log, machine, seen.reported.last, reason)
    # Also if all of them were accepted before: a kill may have come between the record and the orders.
    generation = TenantOrders.of(opened).write(machine).generation if list_acceptable(seen.reported.last) else None
    gone = [each.snapshot_id for each in seen.memory.expected if each.snapshot_id not in seen.stored.snapshots]
    if not (seen.losses or seen.others or seen.reported.aside or seen.foreign.count):
        return Acknowledged(machine, (), 0, paths, generation)
    is_lost = bool(seen.losses or seen.reported.aside or seen.foreign.count)
    known = (*seen.losses, *seen.others)
    losses = tuple(RecordedFinding(each.kind.value, each.evidence) for each in known)
    _record_released(opened.log, machine, gone, SnapshotsReleased(ACKNOWLEDGED, (), reason, losses))
    opened.memory.change(
        machine,
        lambda memory: identity.let_go(
            continuity.acknowledge(memory, gone, ACKNOWLEDGED, utc_now()) if is_lost else memory
        ),
    )
    return Acknowledged(machine, known, len(gone), paths, generation)


def check_reason(reason: str) -> None:
    """Refuse to accept a loss without a reason."""
    if not reason.strip():
        raise UsageError("no reason is given", "Give the reason: --reason TEXT.")


def _record_released(log: Log, machine: str, ids: Sequence[str], released: SnapshotsReleased) -> None:
    for start in range(0, max(len(ids), 1), _IDS_AN_EVENT):
        some = tuple(ids[start : start + _IDS_AN_EVENT])
        log.append(replace(released, snapshot_ids=some), machine)
