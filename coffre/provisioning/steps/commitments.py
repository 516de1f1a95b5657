"""What a tenant file commits to, as of the last apply: quota, licences, options and states, recorded on each change."""

from dataclasses import dataclass

from coffre.records.events import Event, EventKind
from coffre.spec.tenant import Tenant, TenantStatus
from coffre.tenant.service import Service


@dataclass(frozen=True)
class Commitment:
    """One figure of the contract, as an event's details hold it; ``is_usual``: without a record it is taken for so."""

    kind: EventKind
    value: dict[str, object]
    is_usual: bool = False


def commitments(tenant: Tenant) -> list[Commitment]:
    """Return what a tenant file commits to. Pure."""
    suspended = tenant.status is TenantStatus.SUSPENDED
    held = None if tenant.hold is None else tenant.hold.model_dump(mode="json")
    return [
        Commitment(EventKind.QUOTA_CHANGE, {"quota_bytes": tenant.storage.quota_bytes}),
        Commitment(
            EventKind.LICENCE_CHANGE,
            {"licences": {kind.value: count for kind, count in sorted(tenant.licences.items())}},
        ),
        Commitment(EventKind.OPTION_CHANGE, {"options": sorted(option.value for option in tenant.options)}),
        Commitment(EventKind.SUSPENSION_CHANGE, {"suspended": suspended}, is_usual=not suspended),
        Commitment(EventKind.HOLD_CHANGE, {"hold": held}, is_usual=held is None),
    ]


def is_new(commitment: Commitment, last: Event | None) -> bool:
    """Tell whether a commitment differs from the last one recorded. Pure."""
    if last is None:
        return not commitment.is_usual
    return any(last.details.get(key) != value for key, value in commitment.value.items())


def record_changes(service: Service) -> None:
    """Record each commitment that differs from the last record of it, with the amendments that the file names."""
    amendments = [amendment.reference for amendment in service.tenant.contract.amendments]
    for commitment in commitments(service.tenant):
        if is_new(commitment, service.records.find_last(service.tenant.id, commitment.kind)):
            service.record(commitment.kind, **commitment.value, amendments=amendments)
