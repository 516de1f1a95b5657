"""What the records know of the generations of a machine's orders: the last used, the last surely written, the one due.

The storage host could put back any document that was ever signed. The records are ours, so they say which is too old.
"""

from coffre.records.database.store import Records
from coffre.records.events import Event, EventKind
from coffre.tenant.service import Service

RENEWS = "renews"
"""In the details of an ORDERS event: these orders say what the last ones said, and only count for longer."""


def find_last_used(service: Service, machine: str) -> int:
    """Return the highest generation that was ever used for a machine, written or not; 0: none was recorded."""
    records = service.find_records()
    last = None if records is None else records.find_last(service.tenant.id, EventKind.ORDERS, machine)
    return 0 if last is None else _generation(last)


def find_written(service: Service, machine: str) -> int:
    """Return the newest generation that certainly stood in a machine's bucket; 0: none is recorded.

    A generation is recorded before it is written, so after a kill the last one may never have stood there: what counts
    is that the write was confirmed, or that the machine took it.
    """
    records = service.find_records()
    if records is None:
        return 0
    kinds = (EventKind.ORDERS_WRITTEN, EventKind.INSTALL, EventKind.UPDATE)
    found = (records.find_last(service.tenant.id, kind, machine) for kind in kinds)
    return max((_generation(event) for event in found if event is not None), default=0)


def find_due(service: Service, machine: str) -> int:
    """Return the generation from which on a machine has all that is ordered: what came after only renews it."""
    records = service.find_records()
    return 0 if records is None else _due(records, service.tenant.id, machine)


def confirm_written(service: Service, machine: str, generation: int) -> None:
    """Record that a generation stands in the machine's bucket. May run twice; nothing is added the second time."""
    if find_written(service, machine) < generation:
        service.record(EventKind.ORDERS_WRITTEN, machine, generation=generation)


def _due(records: Records, tenant_id: str, machine: str) -> int:
    issued = records.list_events(tenant_id, EventKind.ORDERS, machine)
    return next((_generation(event) for event in reversed(issued) if not event.details.get(RENEWS)), 0)


def _generation(event: Event) -> int:
    return int(str(event.details["generation"]))
