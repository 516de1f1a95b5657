"""How far a tenant's departure is, as the records tell: what every command asks before it works for a tenant."""

from collections.abc import Sequence
from enum import StrEnum

from coffre.records.database import Records
from coffre.records.events import Event, EventKind


class Stage(StrEnum):
    """Where a departure stands. The values are in the database for ever; `offboarding.stages` has the transitions."""

    NOTIFIED = "notified"
    SERVING = "serving"
    FROZEN = "frozen"
    RETURNED = "returned"
    ACKNOWLEDGED = "acknowledged"
    DISMANTLED = "dismantled"
    ERASED = "erased"
    VERIFIED = "verified"
    CLOSED = "closed"
    RENOUNCED = "renounced"


STILL_SERVED = frozenset({Stage.NOTIFIED, Stage.SERVING})
"""The contract remains applicable: machines back up as before."""

BEFORE_ERASURE = frozenset({*STILL_SERVED, Stage.FROZEN, Stage.RETURNED, Stage.ACKNOWLEDGED, Stage.DISMANTLED})
"""Nothing was erased yet, so that the departure can be renounced."""


def find_stage(records: Records, tenant_id: str) -> Stage | None:
    """Return how far a tenant's departure is; None when none is under way, also after one that was renounced."""
    return judge_stage(records.list_events(tenant_id, EventKind.DEPARTURE))


def judge_stage(departures: Sequence[Event]) -> Stage | None:
    """Return the stage that the events of a whole tenant's departures lead to, oldest first. Pure."""
    stages = [Stage(str(event.details["stage"])) for event in departures if event.machine is None]
    return stages[-1] if stages and stages[-1] is not Stage.RENOUNCED else None
