"""The gate: machines may write backups until the sold quota is reached (contract, articles 2 and 8)."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from coffre.operations.control import put_gate_order
from coffre.operations.service import Service
from coffre.operations.suspension import SUSPENDED, find_reason
from coffre.records.activity import Usage
from coffre.records.events import EventKind, utc_now
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


def measure(service: Service) -> list[Usage]:
    """Count what each machine's bucket holds now, and record it as the day's volume (contract, article 10)."""
    now = utc_now()
    today = now.astimezone(ZoneInfo(service.tenant.timezone)).date()
    usages = [
        Usage(
            tenant_id=service.tenant.id,
            machine=name,
            measured_on=today,
            current_bytes=service.owner_bucket(name).current_bytes(),
            stored_bytes=service.storage.stored_bytes(service.bucket_name(name)),
            measured_at=now,
        )
        for name in service.tenant.machines
    ]
    service.records.record_usage(usages)
    return usages


def settle_gate(service: Service) -> GateState:
    """Count the tenant's current bytes and put every machine's gate where the sold quota wants it.

    A retired machine has no gate, and its backups count.
    """
    used_bytes = sum(usage.current_bytes for usage in measure(service))
    state = judge_gate(used_bytes, service.tenant.storage.quota_bytes)
    for name in service.tenant.active_machines():
        set_gate(service, name, state)
    return state


def set_gate(service: Service, machine: str, state: GateState) -> bool:
    """Open or close one machine's gate: the policy first, which stops it, then the order, which tells it why.

    A machine that is shut out altogether goes on being told so. Returns whether something changed; may run twice. A
    change is recorded.
    """
    bucket = service.owner_bucket(machine)
    changed = bucket.set_gate(closed=state.is_closed)
    shut_out = (find_reason(service.tenant) or SUSPENDED) if bucket.is_suspended() else None
    told = put_gate_order(
        service, bucket, is_closed=state.is_closed or shut_out is not None, reason=shut_out or "quota", since=utc_now()
    )
    if changed or told:
        service.record(
            EventKind.GATE_CHANGE,
            machine,
            closed=state.is_closed,
            used_bytes=state.used_bytes,
            quota_bytes=state.quota_bytes,
        )
    return changed or told
