"""What a tenant's state (suspension, hold, retired machines) would have apply change, in words."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from coffre.agents.kinds import with_bucket, with_repository
from coffre.observation.reports import recall
from coffre.observation.retired import describe_retirement
from coffre.operations.holds.settle import describe_hold
from coffre.operations.restore.versions import CONFIG_KEY
from coffre.spec.tenant import Tenant, TenantStatus
from coffre.tenant.access import find_reason
from coffre.tenant.buckets import ExistingBuckets
from coffre.tenant.service import Service, local_today


@dataclass(frozen=True)
class StatesPlan:
    """``changes``: what apply would switch; ``notes``: what holds now and needs nothing."""

    changes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def plan_states(service: Service, owned_buckets: ExistingBuckets, standing: Collection[str]) -> StatesPlan:
    """Hold the file's state against what the platform lets the machines do; looks, and touches nothing.

    ``standing`` are retired machines that could not be reached yet.
    """
    tenant = service.tenant
    suspended = {
        name: service.buckets.open(name).is_suspended()
        for name in with_bucket(tenant.active_machines())
        if owned_buckets.has(name)
    }
    waiting = (f"{name}: its agent still stands there, which each apply tries to remove" for name in standing)
    lost = note_lost_repositories(service, owned_buckets)
    notes = (*_note_tenant(tenant), *note_retired(tenant, local_today(tenant)), *waiting, *lost)
    return StatesPlan(plan_switches(tenant, suspended), notes)


def plan_switches(tenant: Tenant, suspended: dict[str, bool]) -> tuple[str, ...]:
    """Name the suspensions that apply would switch; ``suspended`` is what stands, by machine. Pure."""
    reason = find_reason(tenant)
    moved = [name for name, is_on in suspended.items() if is_on is (reason is None)]
    if not moved:
        return ()
    machines = ", ".join(moved)
    return (f"shut out of their repositories ({reason}): {machines}" if reason else f"let in again: {machines}",)


def note_retired(tenant: Tenant, today: date) -> tuple[str, ...]:
    """Say of each retired machine what is kept of it, and of a date to come that it counts already. Pure."""
    notes = []
    for name, machine in tenant.machines.items():
        if machine.retired is not None:
            notes.append(f"{name}: {describe_retirement(tenant, machine.retired, today)}")
            if machine.retired.on > today:
                notes.append(f"{name}: that day is to come, but `retired:` counts as soon as it is applied")
    return tuple(notes)


def note_lost_repositories(service: Service, owned_buckets: ExistingBuckets) -> tuple[str, ...]:
    """Name the machines that apply will refuse: their repositories were seen, and are gone."""
    notes = []
    for name in with_repository(service.tenant.active_machines()):
        known = len(recall(service, name).expected)
        has_bucket = owned_buckets.has(name)
        if known and not (has_bucket and service.buckets.open(name).exists(CONFIG_KEY)):
            notes.append(f"{name}: its repository is gone, and it held {known} snapshots: apply refuses this machine")
    return tuple(notes)


def _note_tenant(tenant: Tenant) -> tuple[str, ...]:
    notes = []
    if tenant.hold is not None:
        notes.append(f"hold ({describe_hold(tenant.hold)}): nothing expires, and nothing is deleted")
    if tenant.leaving is not None:
        notes.append(f"leaving: `coffre offboard {tenant.slug} --plan` has the dates and what will go")
    if tenant.status is TenantStatus.SUSPENDED:
        notes.append("suspended: its machines neither back up nor restore, and agents are left as they are")
    return tuple(notes)
