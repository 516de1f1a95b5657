"""What an apply does beyond storage and agents, foreseen from live facts: looked at, and nothing touched."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from coffre.operations.access.gate import GateMove, look_at_gate
from coffre.provisioning.steps import commitments
from coffre.provisioning.steps.repositories import Renewal, foresee_repositories
from coffre.records.events import EventKind
from coffre.records.facts.contract import Commissioned, LicenceChange, OptionChange, QuotaChange
from coffre.spec.quota import beyond_sold_bytes, wall_bytes
from coffre.tenant.access import find_reason
from coffre.tenant.buckets import ExistingBuckets
from coffre.tenant.service import Service


class StepKind(StrEnum):
    """What an apply would do."""

    MAKE_REPOSITORY = "make repository"
    BEGIN_ANEW = "begin anew"
    """The backups of a machine are given up, and a new repository begins."""
    EXPIRE_SOONER = "expire sooner"
    EXPIRE_LATER = "expire later"
    EXPIRE_AGAIN = "expire again"
    EXPIRE_NEVER = "expire never"
    CLOSE_GATE = "close gate"
    OPEN_GATE = "open gate"
    STOP_FILLING = "stop filling"
    LET_GO_ON = "let go on"
    WALL = "wall"
    QUOTA = EventKind.QUOTA_CHANGE.value
    LICENCES = EventKind.LICENCE_CHANGE.value
    OPTIONS = EventKind.OPTION_CHANGE.value
    COMMISSION = "commission"


_COMMITTED: Mapping[type, StepKind] = {
    QuotaChange: StepKind.QUOTA,
    LicenceChange: StepKind.LICENCES,
    OptionChange: StepKind.OPTIONS,
}
_MOVES = {
    GateMove.CLOSE: StepKind.CLOSE_GATE,
    GateMove.OPEN: StepKind.OPEN_GATE,
    GateMove.STOP: StepKind.STOP_FILLING,
    GateMove.LET_GO_ON: StepKind.LET_GO_ON,
}

Value = int | tuple[str, ...] | None


@dataclass(frozen=True)
class Step:
    """One such step, and the machines it is about; none: the tenant.

    ``before`` and ``after`` are in the unit of the kind: days, bytes, or names. Days of None: nothing expires.
    ``beyond_bytes`` of a wall is the most that may be stored beyond the sold quota then.
    """

    kind: StepKind
    machines: tuple[str, ...] = ()
    before: Value = None
    after: Value = None
    beyond_bytes: int | None = None


def foresee(
    service: Service, owned_buckets: ExistingBuckets, renewal: Renewal, *, deploys_agents: bool
) -> tuple[Step, ...]:
    """Return what apply would do beyond storage and agents, in the order in which it does it."""
    names = owned_buckets.among(service.tenant.machines)
    missing, renewed = foresee_repositories(service, renewal, owned_buckets)
    steps = [
        *_foresee_expiry(service, names),
        *_step_if(StepKind.MAKE_REPOSITORY, missing),
        *_step_if(StepKind.BEGIN_ANEW, renewed),
        *(_step(_MOVES[move], machines) for move, machines in look_at_gate(service, names).items()),
        *_foresee_wall(service),
        *_foresee_records(service),
    ]
    if deploys_agents and _is_to_commission(service):
        steps.append(Step(StepKind.COMMISSION))
    return tuple(steps)


def judge_expiry(stands: int | None, wanted: int | None) -> StepKind | None:
    """Tell what becomes of the days after which a bucket's earlier versions go; None for none. Pure."""
    if stands == wanted:
        return None
    if wanted is None:
        return StepKind.EXPIRE_NEVER
    if stands is None:
        return StepKind.EXPIRE_AGAIN
    return StepKind.EXPIRE_SOONER if wanted < stands else StepKind.EXPIRE_LATER


def _foresee_expiry(service: Service, names: Sequence[str]) -> list[Step]:
    wanted = None if service.tenant.hold is not None else service.tenant.storage.undelete_days
    found: dict[tuple[StepKind, int | None], list[str]] = {}
    for name in names:
        stands = service.buckets.open(name).undelete_days()
        kind = judge_expiry(stands, wanted)
        if kind is not None:
            found.setdefault((kind, stands), []).append(name)
    return [Step(kind, tuple(machines), stands, wanted) for (kind, stands), machines in found.items()]


def _foresee_wall(service: Service) -> list[Step]:
    owner = service.storage.find_owner(service.owner_uid, exact=False)
    before = owner.wall_bytes if owner is not None else None
    quota_bytes = service.tenant.storage.quota_bytes
    after = wall_bytes(quota_bytes, service.platform)
    if before == after:
        return []
    return [Step(StepKind.WALL, (), before, after, beyond_sold_bytes(quota_bytes, service.platform))]


def _foresee_records(service: Service) -> list[Step]:
    """Return what the contract's figures become, as the records will have it."""
    steps = []
    for each in commitments.commitments(service.tenant):
        last, kind = commitments.find_last(service.log, each), _COMMITTED.get(type(each))
        if kind is not None and last is not None and commitments.is_new(each, last):
            steps.append(Step(kind, (), _value(last), _value(each)))
    return steps


def _value(commitment: commitments.Commitment) -> Value:
    match commitment:
        case QuotaChange():
            return commitment.quota_bytes
        case LicenceChange():
            return tuple(f"{name} {count}" for name, count in sorted(commitment.licences.items()))
        case OptionChange():
            return commitment.options
        case _:
            return None


def _is_to_commission(service: Service) -> bool:
    if find_reason(service.tenant) is not None:
        return False  # Shut out: its agents are left as they are.
    return not service.log.has(Commissioned)


def _step_if(kind: StepKind, machines: Sequence[str]) -> list[Step]:
    return [_step(kind, machines)] if machines else []


def _step(kind: StepKind, machines: Sequence[str]) -> Step:
    return Step(kind, tuple(machines))
