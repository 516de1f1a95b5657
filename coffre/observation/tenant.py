"""The current state of a tenant, from live facts: the platform, the buckets, the reports in them."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from coffre.agents.kinds import with_bucket
from coffre.errors import ExpectedError
from coffre.findings import Finding, FindingKind
from coffre.observation.drills.history import find_drill_duty
from coffre.observation.drills.judge import judge_drill_duty
from coffre.observation.duty import find_duty
from coffre.observation.judge.filling import Room, judge_filling
from coffre.observation.judge.second_count import NEIGHBOURS, judge_second_count
from coffre.observation.machine import (
    MachineLook,
    MachineStatus,
    hear_machine,
    judge_absence,
    look_at_machine,
    unknown_machine,
)
from coffre.observation.overshoot import Overshoot, foresee_overshoot
from coffre.observation.second_copy import CopyStatus, observe_copy
from coffre.observation.stores import find_words, room_of
from coffre.records.facts.departure import Stage
from coffre.spec.access import HELD, find_reason
from coffre.spec.options import option_status
from coffre.spec.quota import beyond_wall_bytes, look_seconds, wall_bytes
from coffre.spec.tenant import MachineKind, Tenant
from coffre.tenant.departure import AFTER_ERASURE, find_stage
from coffre.tenant.estate.log import Log
from coffre.tenant.opening import OpenTenant


@dataclass(frozen=True)
class LicenceStatus:
    """Licences of one kind: granted by the contract, and used by machines that are not retired."""

    granted: int
    used: int


@dataclass(frozen=True)
class HoldStatus:
    """The hold on a tenant; ``since`` is its day, ISO 8601.

    ``reference`` is that of the tenant file, None when only confidential holds count; they are not named.
    ``in_force``: read back from every bucket just now; False until an apply has carried it out, None when unknown.
    """

    reference: str | None
    since: str
    kind: str
    in_force: bool | None
    is_confidential: bool = False


@dataclass(frozen=True)
class TenantObservation:
    """One tenant, for `coffre status --json`; ``findings`` is what could not be read or contradicts itself.

    ``gate`` and ``access`` are what the platform allows to the machines in service, regardless of the file: ``access``
    is open, suspended, partly suspended. ``status`` is the file's until the departure is closed, ``departure`` the
    stage that it has reached. ``beyond_wall_bytes`` is what may pass the wall before all gateways have counted, or the
    sold quota where the platform has no wall; ``gate_look_seconds`` how often the gate must be checked while backups
    run.
    """

    tenant: str
    status: str
    quota_bytes: int
    used_bytes: int | None
    wall_bytes: int | None
    beyond_wall_bytes: int
    gate_look_seconds: int
    gate: str | None
    licences: Mapping[str, LicenceStatus]
    options: Mapping[str, str]
    machines: tuple[MachineStatus, ...]
    access: str | None = None
    hold: HoldStatus | None = None
    departure: str | None = None
    findings: tuple[Finding, ...] = ()
    second_copy: CopyStatus | None = None


def observe(opened: OpenTenant, now: datetime) -> TenantObservation:
    """Read one tenant's state. Before its first apply nothing exists, and every live value is None.

    Contradictory or unreadable content is a finding; only a platform that does not answer ends the read.
    """
    tenant = opened.tenant
    owner = opened.storage.find_owner(opened.buckets.owner_uid)
    if owner is not None and opened.secrets.find_control() is None:
        raise ExpectedError(
            f"{tenant.slug} exists on its platform, but its control bundle is not on this computer",
            "Restore it from the escrow, or copy it from the computer where the tenant was applied. Coffre creates no "
            "new keys in place of the old ones.",
        )
    existing = opened.buckets.snapshot(owner.buckets if owner is not None else ())
    stage = find_stage(opened.log)
    machines: list[MachineStatus] = []
    looks: list[MachineLook] = []
    findings: list[Finding] = []
    is_all_seen = bool(existing) or (owner is not None and not with_bucket(tenant.machines))
    in_need = with_bucket(tenant.machines)
    for name in tenant.machines:
        look = look_at_machine(opened, name, now) if existing.has(name) else None
        if isinstance(look, MachineLook):
            looks.append(look)
            machines.append(look.status)
            findings += [*look.findings, *_judge_due_drill(opened, look, now)]
            continue
        if look is None and name not in in_need:
            heard = hear_machine(opened, name, now)
            machines.append(heard if isinstance(heard, MachineStatus) else unknown_machine(opened.tenant, name, now))
            findings += [heard] if isinstance(heard, Finding) else []
            continue
        machines.append(unknown_machine(opened.tenant, name, now))
        if look is not None:
            findings.append(look)
            is_all_seen = False
        elif stage not in AFTER_ERASURE:
            findings += judge_absence(opened.memory, name)
    switches = [look.is_suspended for look in looks if look.is_suspended is not None]
    findings += _judge_stores(tenant, opened.log, room_of(tenant, opened.platform), looks)
    findings += compare_second_counts(opened, [look.status.name for look in looks])
    shut_out = find_reason(tenant) != HELD or all(switches)
    is_in_force: bool | None = all(look.keeps_all for look in looks) and shut_out
    copied = None
    if stage not in AFTER_ERASURE:
        copied, found = observe_copy(opened, {look.status.name: look.arrivals for look in looks}, now)
        findings += found
        if is_in_force and copied is not None:
            is_in_force = copied.keeps_all
    quota_bytes = tenant.storage.quota_bytes
    wall = owner.wall_bytes if owner is not None else None
    used_bytes = sum(look.status.stored_bytes or 0 for look in looks) if is_all_seen else None
    overshoot = _foresee(opened, wall, used_bytes)
    return TenantObservation(
        tenant=tenant.slug,
        status="closed" if stage is Stage.CLOSED else tenant.status.value,
        quota_bytes=quota_bytes,
        used_bytes=used_bytes,
        wall_bytes=wall,
        beyond_wall_bytes=overshoot.beyond_bytes,
        gate_look_seconds=overshoot.look_seconds,
        gate=judge_gates([look.is_gate_closed for look in looks if look.is_gate_closed is not None]),
        licences=count_licences(tenant),
        options=option_status(tenant.options),
        machines=tuple(machines),
        access=judge_access(switches),
        hold=hold_status(tenant, is_in_force if is_all_seen else None),
        departure=stage,
        findings=tuple(findings),
        second_copy=copied,
    )


def _judge_due_drill(opened: OpenTenant, look: MachineLook, now: datetime) -> list[Finding]:
    """Return the finding of a machine whose drill is overdue."""
    tenant, name, history = opened.tenant, look.status.name, look.history
    backups = find_duty(tenant, opened.log, name)
    duty = find_drill_duty(tenant, opened.checkout.settings.drills, backups, history.first_backup_at, history.last_at)
    found = None if duty is None else judge_drill_duty(duty, now).finding
    return [] if found is None else [found]


def _foresee(opened: OpenTenant, wall: int | None, used_bytes: int | None) -> Overshoot:
    """Return what may pass the wall, or the sold quota where there is none, and how often the gate must be checked."""
    platform, quota_bytes = opened.platform, opened.tenant.storage.quota_bytes
    if not opened.capabilities.has_wall:
        return foresee_overshoot(opened.tenant, platform, opened.log, used_bytes)
    stands = wall or wall_bytes(quota_bytes, platform)
    return Overshoot(look_seconds(quota_bytes, platform), beyond_wall_bytes(stands, platform.counting))


def _judge_stores(tenant: Tenant, log: Log, room: Room, looks: Sequence[MachineLook]) -> list[Finding]:
    """Find the machines that are stopped, or will be, because they fill the storage; and who has reached the wall."""
    stores = [look.store for look in looks]
    stopped_now = [look.status.name for look in looks if look.is_stopped]
    filling = judge_filling(stores, room, stopped_now, find_words(log, tenant.active_machines()))
    findings = [
        Finding(
            FindingKind.FILLS_STORAGE,
            store.machine,
            {
                "surplus_bytes": store.surplus_bytes,
                "objects": store.objects,
                "stopped": "yes" if store.machine in stopped_now else "no",
            },
        )
        for store in stores
        if store.machine in (*filling.stopped, *stopped_now)
    ]
    if filling.is_wall_reached:
        findings.append(Finding(FindingKind.WALL_REACHED, None, {"by": filling.wall_reached_by}))
    return findings


def compare_second_counts(opened: OpenTenant, machines: Sequence[str]) -> list[Finding]:
    """Compare the records with the platform's own daily figures, where it has them."""
    figures = {name: opened.storage.find_daily_bytes(opened.buckets.name(name)) for name in machines}
    found: list[Finding] = []
    records = opened.log.find_records()
    for name, figure in figures.items():
        if figure is not None and records is not None:
            usages = records.list_usage(opened.tenant.id, figure.day - NEIGHBOURS, figure.day + NEIGHBOURS)
            found += judge_second_count(name, figure.day, figure.stored_bytes, usages)
    return found


def judge_gates(closed: Sequence[bool]) -> str | None:
    """Sum up the gates of a tenant's buckets: open, closed, or partly closed, which is never intended. Pure."""
    if not closed:
        return None
    if all(closed):
        return "closed"
    return "partly closed" if any(closed) else "open"


def judge_access(suspended: Collection[bool]) -> str | None:
    """Sum up the access of a tenant's machines: open, suspended, or partly suspended; None without machines. Pure."""
    if not suspended:
        return None
    if all(suspended):
        return "suspended"
    return "partly suspended" if any(suspended) else "open"


def hold_status(tenant: Tenant, in_force: bool | None) -> HoldStatus | None:
    """Return a tenant's hold in the form of `coffre status`. Pure."""
    hold = tenant.hold
    if hold is None:
        return None
    since = f"{hold.since:%Y-%m-%d}"
    return HoldStatus(hold.reference or None, since, hold.kind.value, in_force, hold.is_confidential)


def count_licences(tenant: Tenant) -> dict[str, LicenceStatus]:
    """Count the granted and used licences of each kind; a retired machine uses none (contract, article 1a). Pure."""
    used = Counter(machine.kind for machine in tenant.machines.values() if machine.retired is None)
    kinds = [kind for kind in MachineKind if kind in tenant.licences or kind in used]
    return {kind.value: LicenceStatus(tenant.licences.get(kind, 0), used[kind]) for kind in kinds}
