"""Adds events with their links, inside a transaction of the caller."""

from collections.abc import Sequence

import sqlalchemy as sa

from coffre.records.chain.linking import Linker
from coffre.records.chain.links import LinkSubject, event_content
from coffre.records.database import tables
from coffre.records.events import Event, check_recordable, storable


def add_events(connection: sa.Connection, events: Sequence[Event]) -> int:
    """Add events in this order and return the id of the first; the others follow it.

    RefusedError when the details of one contain a secret: nothing is added.
    """
    rows = [_event_row(event) for event in events]
    linker = Linker(connection)
    first = linker.next_id(LinkSubject.EVENT)
    numbered = [{**row, "id": first + turn} for turn, row in enumerate(rows)]
    for row in numbered:
        linker.add(event_content(row))
    linker.write()
    connection.execute(sa.insert(tables.events), numbered)
    return first


def _event_row(event: Event) -> dict[str, object]:
    check_recordable(event)
    return {
        "tenant_id": event.tenant_id,
        "slug": event.slug,
        "kind": event.kind.value,
        "at": event.at,
        "actor": event.actor,
        tables.COMMIT: event.commit,
        "machine": event.machine,
        "details": storable(event.details),
    }
