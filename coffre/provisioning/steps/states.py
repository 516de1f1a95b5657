"""What a tenant's state (suspension, hold, retired machines) would have apply change, and what holds now."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from coffre.agents.kinds import with_bucket, with_repository
from coffre.observation.reports import recall
from coffre.observation.retired import judge_retirement
from coffre.operations.restore.versions import CONFIG_KEY
from coffre.provisioning.steps.notes import (
    HoldNote,
    MachineNote,
    Note,
    NoteKind,
    RepositoryGoneNote,
    RetiredNote,
    TenantNote,
)
from coffre.records.facts.contract import HoldInFile
from coffre.spec.tenant import Tenant, TenantStatus
from coffre.tenant.access import find_reason
from coffre.tenant.buckets import ExistingBuckets
from coffre.tenant.service import Service, local_today


@dataclass(frozen=True)
class AccessSwitch:
    """Machines that apply would shut out of their repositories for a reason; without one, it would let them in."""

    machines: tuple[str, ...]
    reason: str | None


@dataclass(frozen=True)
class StatesPlan:
    """``changes``: what apply would switch; ``notes``: what holds now and needs nothing."""

    changes: tuple[AccessSwitch, ...] = ()
    notes: tuple[Note, ...] = ()


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
    waiting = (MachineNote(NoteKind.AGENT_STANDS, name) for name in standing)
    lost = note_lost_repositories(service, owned_buckets)
    notes = (*_note_tenant(tenant), *note_retired(tenant, local_today(tenant)), *waiting, *lost)
    return StatesPlan(plan_switches(tenant, suspended), notes)


def plan_switches(tenant: Tenant, suspended: dict[str, bool]) -> tuple[AccessSwitch, ...]:
    """Return the suspensions that apply would switch; ``suspended`` is what stands, by machine. Pure."""
    reason = find_reason(tenant)
    moved = tuple(name for name, is_on in suspended.items() if is_on is (reason is None))
    return (AccessSwitch(moved, reason),) if moved else ()


def note_retired(tenant: Tenant, today: date) -> tuple[Note, ...]:
    """Say of each retired machine what is kept of it, and of a date to come that it counts already. Pure."""
    notes: list[Note] = []
    for name, machine in tenant.machines.items():
        if machine.retired is not None:
            notes.append(RetiredNote(name, judge_retirement(tenant, machine.retired, today)))
            if machine.retired.on > today:
                notes.append(MachineNote(NoteKind.RETIRED_AHEAD, name))
    return tuple(notes)


def note_lost_repositories(service: Service, owned_buckets: ExistingBuckets) -> tuple[Note, ...]:
    """Name the machines that apply will refuse: their repositories were seen, and are gone."""
    notes: list[Note] = []
    for name in with_repository(service.tenant.active_machines()):
        known = len(recall(service, name).expected)
        has_bucket = owned_buckets.has(name)
        if known and not (has_bucket and service.buckets.open(name).exists(CONFIG_KEY)):
            notes.append(RepositoryGoneNote(name, known))
    return tuple(notes)


def _note_tenant(tenant: Tenant) -> tuple[Note, ...]:
    notes: list[Note] = []
    if tenant.hold is not None:
        notes.append(HoldNote(HoldInFile(tenant.hold.reference, tenant.hold.since, tenant.hold.kind)))
    if tenant.leaving is not None:
        notes.append(TenantNote(NoteKind.LEAVING))
    if tenant.status is TenantStatus.SUSPENDED:
        notes.append(TenantNote(NoteKind.SUSPENDED))
    return tuple(notes)
