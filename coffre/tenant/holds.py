"""Confidential holds: in the records, never in git. Each counts like `hold:` of the tenant file, for every command."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from coffre.errors import UsageError
from coffre.records.database.store import Records
from coffre.records.events import Event, EventKind
from coffre.spec.tenant import Hold, HoldKind

if TYPE_CHECKING:
    from coffre.tenant.service import Service

SHOWN_REFERENCE = "confidential, see `coffre hold list`"
"""What plans, logs and reports call one: its own reference is for those who may read the records."""


@dataclass(frozen=True)
class RecordedHold:
    """One hold that the records have, and who placed it."""

    reference: str
    since: date
    kind: HoldKind
    placed_by: str


def list_standing(events: Sequence[Event]) -> list[RecordedHold]:
    """Return the holds that were placed and not lifted since, oldest first; events in the order of adding. Pure."""
    standing: dict[str, RecordedHold] = {}
    for event in events:
        reference = str(event.details["reference"])
        if event.kind is EventKind.HOLD_LIFTED:
            standing.pop(reference, None)
        else:
            since = date.fromisoformat(str(event.details["since"]))
            standing[reference] = RecordedHold(reference, since, HoldKind(str(event.details["hold_kind"])), event.actor)
    return list(standing.values())


def combine(in_file: Hold | None, recorded: Sequence[RecordedHold]) -> Hold | None:
    """Return the one hold that counts: the strictest kind, since the earliest day. Pure."""
    if not recorded:
        return in_file
    kinds = {hold.kind for hold in recorded} | ({in_file.kind} if in_file is not None else set())
    return Hold(
        reference=SHOWN_REFERENCE if in_file is None else f"{in_file.reference}; another is {SHOWN_REFERENCE}",
        since=min([hold.since for hold in recorded] + ([in_file.since] if in_file is not None else [])),
        kind=HoldKind.BLOCK_ACCESS if HoldKind.BLOCK_ACCESS in kinds else HoldKind.PRESERVE,
    )


def list_recorded(service: "Service") -> list[RecordedHold]:
    """Return the confidential holds on a tenant that stand now."""
    records = service.find_records()
    return [] if records is None else read_standing(records, service.tenant.id)


def read_standing(records: Records, tenant_id: str) -> list[RecordedHold]:
    """Return the confidential holds on a tenant that stand by these records."""
    kinds = (EventKind.HOLD_PLACED, EventKind.HOLD_LIFTED)
    found = [event for kind in kinds for event in records.list_events(tenant_id, kind)]
    return list_standing(sorted(found, key=lambda event: event.id or 0))


def record_hold(service: "Service", hold: RecordedHold) -> None:
    """Write a hold into the records: it counts from now on. May run twice; UsageError when it stands otherwise."""
    standing = next((each for each in list_recorded(service) if each.reference == hold.reference), None)
    if standing is not None:
        if (standing.since, standing.kind) == (hold.since, hold.kind):
            return
        raise UsageError(
            f"a hold {hold.reference!r} stands on {service.tenant.slug} already, since {standing.since}, "
            f"{standing.kind.value}",
            "Lift it first.",
        )
    service.record(
        EventKind.HOLD_PLACED, reference=hold.reference, since=hold.since.isoformat(), hold_kind=hold.kind.value
    )


def lift_hold(service: "Service", reference: str, reason: str) -> None:
    """Write that a hold was lifted, and on whose word. UsageError when none of that reference stands."""
    known = [each.reference for each in list_recorded(service)]
    if reference not in known:
        raise UsageError(
            f"no confidential hold {reference!r} stands on {service.tenant.slug}",
            f"Those that stand: {', '.join(known) or 'none'}.",
        )
    service.record(EventKind.HOLD_LIFTED, reference=reference, reason=reason)
