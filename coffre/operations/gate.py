"""The gate: machines may write backups until the sold quota is reached (contract, articles 2 and 8)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from coffre.operations.control import put_gate_order
from coffre.operations.service import Service
from coffre.records.events import EventKind
from coffre.spec.sizes import format_bytes


@dataclass(frozen=True)
class GateState:
    """The gate of a whole tenant, and why: current bytes of all its machines against the sold quota."""

    is_closed: bool
    used_bytes: int
    quota_bytes: int

    @property
    def explanation(self) -> str:
        used, sold = format_bytes(self.used_bytes), format_bytes(self.quota_bytes)
        return f"{used} of the sold {sold} are used"


def judge_gate(used_bytes: int, quota_bytes: int) -> GateState:
    """Close the gate from the sold quota on. Pure."""
    return GateState(used_bytes >= quota_bytes, used_bytes, quota_bytes)


def measure_current_bytes(service: Service) -> Mapping[str, int]:
    """Return the current bytes (versions that are not overwritten or deleted) of each machine's bucket, counted now."""
    return {name: service.owner_bucket(name).current_bytes() for name in service.tenant.machines}


def settle_gate(service: Service) -> GateState:
    """Count the tenant's current bytes and put every machine's gate where the sold quota wants it."""
    state = judge_gate(sum(measure_current_bytes(service).values()), service.tenant.storage.quota_bytes)
    for name in service.tenant.machines:
        set_gate(service, name, state)
    return state


def set_gate(service: Service, machine: str, state: GateState) -> bool:
    """Open or close one machine's gate: the policy first, which stops it, then the order, which tells it why.

    Returns whether something changed; may run twice. A change is recorded.
    """
    bucket = service.owner_bucket(machine)
    changed = bucket.set_gate(closed=state.is_closed)
    told = put_gate_order(service, bucket, is_closed=state.is_closed, reason="quota", since=datetime.now(UTC))
    if changed or told:
        service.record(
            EventKind.GATE_CHANGE,
            machine,
            closed=state.is_closed,
            used_bytes=state.used_bytes,
            quota_bytes=state.quota_bytes,
        )
    return changed or told
