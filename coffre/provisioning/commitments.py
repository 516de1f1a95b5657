"""What the contract commits to, as of the last apply: quota, licences and options, recorded whenever they change."""

from dataclasses import dataclass

from coffre.operations.service import Service
from coffre.records.events import Event, EventKind
from coffre.spec.tenant import Tenant


@dataclass(frozen=True)
class Commitment:
    """One figure of the contract, as an event's details hold it."""

    kind: EventKind
    value: dict[str, object]


def commitments(tenant: Tenant) -> list[Commitment]:
    """Return what a tenant file commits to. Pure."""
    return [
        Commitment(EventKind.QUOTA_CHANGE, {"quota_bytes": tenant.storage.quota_bytes}),
        Commitment(
            EventKind.LICENCE_CHANGE,
            {"licences": {kind.value: count for kind, count in sorted(tenant.licences.items())}},
        ),
        Commitment(EventKind.OPTION_CHANGE, {"options": sorted(option.value for option in tenant.options)}),
    ]


def is_new(commitment: Commitment, last: Event | None) -> bool:
    """Tell whether a commitment differs from the last one recorded. Pure."""
    return last is None or any(last.details.get(key) != value for key, value in commitment.value.items())


def record_changes(service: Service) -> None:
    """Record each commitment that differs from the last record of it, with the amendments that the file names."""
    amendments = [amendment.reference for amendment in service.tenant.contract.amendments]
    for commitment in commitments(service.tenant):
        if is_new(commitment, service.records.find_last(service.tenant.id, commitment.kind)):
            service.record(commitment.kind, **commitment.value, amendments=amendments)
