"""The stage of a tenant's departure according to the records: every command reads it before it works for a tenant."""

from collections.abc import Sequence

from coffre.records.facts.departure import ERASURE_BEGAN, DepartureStage, DepartureStep, Stage
from coffre.tenant.estate.log import Log

STILL_SERVED = frozenset({Stage.NOTIFIED, Stage.SERVING})
"""The contract remains applicable: machines back up as before."""

BEFORE_ERASURE = frozenset({*STILL_SERVED, Stage.FROZEN, Stage.RETURNED, Stage.ACKNOWLEDGED, Stage.DISMANTLED})
"""Nothing was erased yet: the departure can still be renounced."""

AFTER_ERASURE = frozenset({Stage.ERASED, Stage.VERIFIED, Stage.CLOSED})
"""No backup is left, and no repository password."""


def find_stage(log: Log) -> Stage | None:
    """Return the stage of a tenant's departure; None when there is none, also after a renounced one."""
    return judge_stage([each.fact for each in log.list(DepartureStage)])


def has_service_ended(log: Log) -> bool:
    """Tell whether a departure has reached a stage where machines no longer back up."""
    stage = find_stage(log)
    return stage is not None and stage not in STILL_SERVED


def judge_stage(departures: Sequence[DepartureStage]) -> Stage | None:
    """Return the stage that a whole tenant's departures, oldest first, lead to. Pure."""
    stages = [each.stage for each in departures if each.retired_machine is None]
    return stages[-1] if stages and stages[-1] is not Stage.RENOUNCED else None


def list_leaving_machines(log: Log) -> dict[str, Stage]:
    """Return the retired machines whose own erasure has begun or is complete, each with its stage."""
    facts = [each.fact for each in log.list(DepartureStage)]
    return {each.retired_machine: each.stage for each in facts if each.retired_machine is not None}


def is_being_erased(log: Log, machine: str) -> bool:
    """Tell whether the erasure of a machine's backups has begun: from then on, what is missing was deleted by us."""
    begun = [each.id for each in log.list(DepartureStep, machine) if each.fact.step == ERASURE_BEGAN]
    departures = log.list(DepartureStage) if begun else []
    renounced = [each.id for each in departures if each.fact.stage is Stage.RENOUNCED]
    return bool(begun) and max(begun) > max(renounced, default=0)
