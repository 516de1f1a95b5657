"""What holds of a tenant and needs no change: its suspension, its hold, machines that are retired or refused."""

from datetime import date

from coffre.agents.kinds import with_repository
from coffre.observation.reports import recall
from coffre.observation.retired import describe_retirement
from coffre.operations.holds.settle import describe_hold
from coffre.operations.restore.versions import CONFIG_KEY
from coffre.provisioning.steps.retirement import list_standing
from coffre.provisioning.terms.context import Context
from coffre.spec.tenant import Tenant, TenantStatus
from coffre.tenant.estate.buckets import ExistingBuckets
from coffre.tenant.service import Service, local_today


def note(at: Context) -> tuple[str, ...]:
    """Say what holds now and needs nothing: looks, and touches nothing."""
    tenant = at.tenant
    standing = list_standing(at.service, at.existing)
    waiting = (f"{name}: its agent still stands there, which each apply tries to remove" for name in standing)
    lost = note_lost_repositories(at.service, at.existing)
    return (*_note_tenant(tenant), *note_retired(tenant, local_today(tenant)), *waiting, *lost)


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
