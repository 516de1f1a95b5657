"""How far a tenant's departure is, as the records tell: what every command asks before it works for a tenant."""

from collections.abc import Sequence

from coffre.records.database.store import Records
from coffre.records.events import Event, EventKind
from coffre.tenant.service import Service
from coffre.tenant.stage import ERASURE_BEGAN, STILL_SERVED, Stage


def find_stage_of(service: Service) -> Stage | None:
    """Return how far the departure of an open service's tenant is."""
    records = service.find_records()
    return None if records is None else find_stage(records, service.tenant.id)


def has_service_ended(service: Service) -> bool:
    """Tell whether a departure has come so far that machines back up no more."""
    stage = find_stage_of(service)
    return stage is not None and stage not in STILL_SERVED


def find_stage(records: Records, tenant_id: str) -> Stage | None:
    """Return how far a tenant's departure is; None when none is under way, also after one that was renounced."""
    return judge_stage(records.list_events(tenant_id, EventKind.DEPARTURE))


def judge_stage(departures: Sequence[Event]) -> Stage | None:
    """Return the stage that the events of a whole tenant's departures lead to, oldest first. Pure."""
    stages = [Stage(str(event.details["stage"])) for event in departures if "retired_machine" not in event.details]
    return stages[-1] if stages and stages[-1] is not Stage.RENOUNCED else None


def list_leaving_machines(service: Service) -> dict[str, Stage]:
    """Return the retired machines whose own erasure has begun or is over, with its stage."""
    records = service.find_records()
    events = [] if records is None else records.list_events(service.tenant.id, EventKind.DEPARTURE)
    return {
        str(event.details["retired_machine"]): Stage(str(event.details["stage"]))
        for event in events
        if "retired_machine" in event.details
    }


def is_being_erased(service: Service, machine: str) -> bool:
    """Tell whether the erasure of a machine's backups has begun: what is gone from then on is gone by us, for good."""
    records, tenant_id = service.find_records(), service.tenant.id
    if records is None:
        return False
    steps = records.list_events(tenant_id, EventKind.DEPARTURE_STEP, machine)
    begun = [event.id or 0 for event in steps if event.details.get("step") == ERASURE_BEGAN]
    departures = records.list_events(tenant_id, EventKind.DEPARTURE) if begun else []
    renounced = [event.id or 0 for event in departures if event.details.get("stage") == Stage.RENOUNCED]
    return bool(begun) and max(begun) > max(renounced, default=0)
