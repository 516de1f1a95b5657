"""The state of a tenant that needs no change: its suspension, its hold, machines that are retired or refused."""

from collections.abc import Sequence
from datetime import date

from coffre.agents.kinds import find_statement, layout_of, with_repository
from coffre.agents.repository import Part
from coffre.errors import RemoteError
from coffre.observation.overshoot import foresee_overshoot
from coffre.observation.retired import judge_retirement
from coffre.provisioning.steps.moves import list_waiting
from coffre.provisioning.steps.retirement import list_standing
from coffre.provisioning.terms.context import Context
from coffre.provisioning.terms.notes import (
    CostsNote,
    HoldNote,
    LicenceNote,
    MachineNote,
    NoPricesNote,
    Note,
    NoteKind,
    OvershootNote,
    RepositoryGoneNote,
    RetiredNote,
    TenantNote,
)
from coffre.spec.access import HELD, find_reason
from coffre.spec.tenant import Tenant, TenantStatus
from coffre.storage.costs import CostEstimate, NoPrices
from coffre.storage.kinds import driver_of
from coffre.tenant.estate.buckets import ExistingBuckets, TenantBuckets
from coffre.tenant.estate.memory import TenantMemory
from coffre.tenant.holds import to_fact
from coffre.tenant.lookup import local_today
from coffre.tenant.opening import OpenTenant


def note(at: Context, *, is_open: bool = True) -> tuple[Note, ...]:
    """Return the current notes; changes nothing. Unless ``is_open``, no key opens the existing buckets."""
    tenant = at.tenant
    if not at.sees_own:
        return (
            *_note_tenant(tenant, at.opened.parts),
            *note_retired(tenant, local_today(tenant)),
            *note_licences(tenant),
        )
    waiting = (
        MachineNote(NoteKind.AGENT_STANDS, name) for name in list_standing(at.opened.tenant, at.opened.log, at.existing)
    )
    own = (
        *_note_tenant(tenant, at.opened.parts),
        *note_retired(tenant, local_today(tenant)),
        *note_licences(tenant),
        *waiting,
        *_note_overshoot(at.opened.parts[0]),
        *(each for part in at.opened.parts for each in _note_costs(part)),
        *_note_costs_of_copy(at.opened),
    )
    if not is_open:
        return (*own, TenantNote(NoteKind.BUCKETS_UNREAD))
    moving = (MachineNote(NoteKind.FORMER_AGENT, name) for name in list_waiting(at))
    return (*own, *moving, *note_lost_repositories(tenant, at.opened.buckets, at.opened.memory, at.existing))


def note_retired(tenant: Tenant, today: date) -> tuple[Note, ...]:
    """Return what is kept of each retired machine, and tell when a future date already applies. Pure."""
    notes: list[Note] = []
    for name, machine in tenant.machines.items():
        if machine.retired is not None:
            notes.append(RetiredNote(name, judge_retirement(tenant, machine.retired, today)))
            if machine.retired.on > today:
                notes.append(MachineNote(NoteKind.RETIRED_AHEAD, name))
    return tuple(notes)


def note_licences(tenant: Tenant) -> tuple[Note, ...]:
    """Name the machines that the editor of their agent counts otherwise than the file sells them. Pure."""
    notes: list[Note] = []
    for name, machine in tenant.as_arrived().active_machines().items():
        statement = find_statement(machine)
        licence = None if statement is None else statement.find_other_licence(machine)
        if statement is not None and licence is not None:
            notes.append(LicenceNote(name, statement.editor, licence))
    return tuple(notes)


def note_lost_repositories(
    tenant: Tenant, buckets: TenantBuckets, memory: TenantMemory, owned_buckets: ExistingBuckets
) -> tuple[Note, ...]:
    """Name the machines that apply will refuse: their repositories were seen, and are gone."""
    notes: list[Note] = []
    for name, machine in with_repository(tenant.active_machines()).items():
        known = len(memory.recall(name).expected)
        config_key = layout_of(name, machine).prefix_of(Part.CONFIG)
        has_bucket = owned_buckets.has(name)
        if known and not (has_bucket and buckets.open(name).exists(config_key)):
            notes.append(RepositoryGoneNote(name, known))
    return tuple(notes)


def _note_overshoot(opened: OpenTenant) -> tuple[Note, ...]:
    """Tell what may pass the sold quota, where the platform itself enforces no limit."""
    if opened.capabilities.has_wall:
        return ()
    foreseen = foresee_overshoot(opened.tenant, opened.platform, opened.log)
    return (OvershootNote(foreseen.look_seconds, foreseen.beyond_bytes),)


def note_costs(
    estimated: CostEstimate | NoPrices | None, stored_bytes: int, copied_to: str | None = None
) -> tuple[Note, ...]:
    """Return what a tenant costs with a full quota and with what is stored now. Pure."""
    match estimated:
        case None:
            return ()
        case NoPrices(region=region):
            return (NoPricesNote(region),)
        case CostEstimate():
            return (
                CostsNote(
                    region=estimated.region,
                    prices_of=estimated.prices_of,
                    month=estimated.month,
                    storage_month=estimated.storage_month,
                    requests_month=estimated.requests_month,
                    verification_month=estimated.verification_month,
                    restore=estimated.restore,
                    present_bytes=stored_bytes,
                    present_month=estimated.store(stored_bytes),
                    copied_to=copied_to,
                ),
            )


def _note_costs(opened: OpenTenant) -> tuple[Note, ...]:
    verify_days = opened.checkout.settings.verify.period_days
    estimated = driver_of(opened.platform).estimate(opened.tenant, opened.platform, verify_days)
    if not isinstance(estimated, CostEstimate):
        return note_costs(estimated, 0)
    owner = opened.storage.find_owner(opened.buckets.owner_uid, exact=False)
    return note_costs(estimated, 0 if owner is None else owner.used_bytes, opened.tenant.copied_to)


def _note_costs_of_copy(opened: OpenTenant) -> tuple[Note, ...]:
    """Return the costs of the second copy; a platform that is away is told by the step `second_copy`."""
    copied = opened.second_copy
    try:
        return () if copied is None else _note_costs(copied)
    except RemoteError:
        return ()


def _note_tenant(tenant: Tenant, parts: Sequence[OpenTenant]) -> tuple[Note, ...]:
    notes: list[Note] = []
    if tenant.hold is not None:
        is_shut = find_reason(tenant) == HELD
        open_there = [] if is_shut else [each for each in parts if not each.capabilities.has_buckets]
        notes.append(HoldNote(to_fact(tenant.hold), tuple(each.tenant.storage.platform for each in open_there)))
    if tenant.leaving is not None:
        notes.append(TenantNote(NoteKind.LEAVING))
    if tenant.status is TenantStatus.SUSPENDED:
        notes.append(TenantNote(NoteKind.SUSPENDED))
    notes += [MachineNote(NoteKind.RETENTION_FROZEN, name) for name in sorted(tenant.frozen_machines)]
    return tuple(notes)
