"""The current state of a tenant, from live facts: the platform, the buckets, the reports in them."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from coffre.agents.kinds import with_bucket
from coffre.errors import ExpectedError, RemoteError
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
from coffre.spec.parts import machines_of
from coffre.spec.quota import beyond_wall_bytes, look_seconds, wall_bytes
from coffre.spec.tenant import MachineKind, Tenant
from coffre.storage.values import OwnerFacts
from coffre.tenant.departure import AFTER_ERASURE, find_stage
from coffre.tenant.estate.buckets import ExistingBuckets
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
    ``not_kept_on``: the platforms on which it cannot keep what a customer's administrator deletes in their portal; it
    is never in force as a whole then.
    """

    reference: str | None
    since: str
    kind: str
    in_force: bool | None
    is_confidential: bool = False
    not_kept_on: tuple[str, ...] = ()


@dataclass(frozen=True)
class PartStatus:
    """A part of the tenant's space on one platform; None: unknown.

    ``stops_at_bytes`` is where the platform itself stops: the wall of buckets, or a vendor's own quota
    (``is_vendors``), whose figure of use may be ``figure_age_hours`` old. ``licences_granted`` and ``licences_used``
    are the vendor's own figures, by kind.
    """

    platform: str
    quota_bytes: int
    used_bytes: int | None
    stops_at_bytes: int | None
    is_vendors: bool
    figure_age_hours: int = 0
    licences_granted: Mapping[str, int | None] = field(default_factory=dict)
    licences_used: Mapping[str, int | None] = field(default_factory=dict)


@dataclass(frozen=True)
class TenantObservation:
    """One tenant, for `coffre status --json`; ``findings`` is what could not be read or contradicts itself.

    ``gate`` and ``access`` are what the platform allows to the machines in service, regardless of the file: ``access``
    is open, suspended, partly suspended. ``status`` is the file's until the departure is closed, ``departure`` the
    stage that it has reached. ``beyond_wall_bytes`` is what may pass the wall before all gateways have counted, or the
    sold quota where the platform has no wall; ``gate_look_seconds`` how often the gate must be checked while backups
    run. ``parts`` are those of a tenant whose space is, or is in part, on a platform without buckets.
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
    parts: tuple[PartStatus, ...] = ()


def observe(opened: OpenTenant, now: datetime) -> TenantObservation:
    """Read one tenant's state. Before its first apply nothing exists, and every live value is None.

    Contradictory or unreadable content is a finding, and so is a part whose platform does not answer; only the tenant's
    own platform ends the read.
    """
    tenant = opened.tenant
    owners, silent = _ask_owners(opened)
    owner = owners[tenant.storage.platform]
    if any(each is not None for each in owners.values()) and opened.secrets.find_control() is None:
        raise ExpectedError(
            f"{tenant.slug} exists on its platform, but its control bundle is not on this computer",
            "Restore it from the escrow, or copy it from the computer where the tenant was applied. Coffre creates no "
            "new keys in place of the old ones.",
        )
    existing = opened.buckets.snapshot(owner.buckets if owner is not None else ())
    stage = find_stage(opened.log)
    machines: list[MachineStatus] = []
    looks: list[MachineLook] = []
    findings: list[Finding] = [*silent.values()]
    unheard = _list_unheard(opened, silent)
    in_buckets = opened.with_buckets
    is_all_seen = bool(existing) or (owner is not None and not with_bucket(tenant.machines))
    in_need, left = with_bucket(tenant.machines), _look_at_left(opened, existing, now)
    looks += [each for each in left if isinstance(each, MachineLook)]
    findings += [finding for each in left for finding in (each.findings if isinstance(each, MachineLook) else (each,))]
    is_all_seen = is_all_seen and len(looks) == len(left)
    for name in tenant.machines:
        look = look_at_machine(opened, name, now) if existing.has(name) and name in in_need else None
        if isinstance(look, MachineLook):
            looks.append(look)
            machines.append(look.status)
            findings += [*look.findings, *_judge_due_drill(opened, look, now)]
            continue
        if look is None and name not in in_need:
            heard = unknown_machine(tenant, name, now) if name in unheard else hear_machine(opened, name, now)
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
    if in_buckets is not None:
        room = room_of(in_buckets.tenant, in_buckets.platform)
        findings += _judge_stores(opened.of_buckets.tenant, opened.log, room, looks)
    findings += compare_second_counts(opened, [look.status.name for look in looks])
    parts_off = [
        each.suspended
        for part in opened.parts
        if part.capabilities.suspends_owner and (each := owners[_name_of(part)]) is not None
    ]
    switches = [*switches, *parts_off]
    shut_out = find_reason(tenant) != HELD or all(switches)
    is_in_force: bool | None = all(look.keeps_all for look in looks) and shut_out
    copied = None
    if stage not in AFTER_ERASURE:
        copied, found = observe_copy(opened, {look.status.name: look.arrivals for look in looks}, now)
        findings += found
        if is_in_force and copied is not None:
            is_in_force = copied.keeps_all
    quota_bytes = tenant.storage.quota_bytes
    stored_bytes = sum(look.status.stored_bytes or 0 for look in looks) if is_all_seen else None
    parts = [_describe_part(part, owners[_name_of(part)], stored_bytes) for part in opened.parts]
    figures = [each.used_bytes for each in parts]
    used_bytes = None if None in figures else sum(each or 0 for each in figures)
    wall = parts[0].stops_at_bytes
    overshoot = Overshoot(0, 0) if in_buckets is None else _foresee(in_buckets, wall, stored_bytes)
    vendors = tuple(each.platform for each in parts if each.is_vendors)
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
        hold=hold_status(tenant, is_in_force if is_all_seen and not silent else None, vendors),
        departure=stage,
        findings=tuple(findings),
        second_copy=copied,
        parts=tuple(parts) if vendors else (),
    )


def _name_of(part: OpenTenant) -> str:
    return part.tenant.storage.platform


def _ask_owners(opened: OpenTenant) -> tuple[dict[str, OwnerFacts | None], dict[str, Finding]]:
    """Return the tenant's owner on each platform, and a finding for each part beside its own one that tells nothing."""
    own, *others = opened.parts
    owners = {_name_of(own): own.storage.find_owner(own.buckets.owner_uid)}
    silent: dict[str, Finding] = {}
    for part in others:
        name = _name_of(part)
        try:
            owners[name] = part.storage.find_owner(part.buckets.owner_uid)
        except RemoteError as problem:
            owners[name] = None
            silent[name] = Finding(FindingKind.PART_NOT_SEEN, None, {"platform": name, "error": problem.message})
    return owners, silent


def _list_unheard(opened: OpenTenant, silent: Collection[str]) -> set[str]:
    """Return the machines whose agents back up to one of these platforms."""
    parts = [part.tenant for part in opened.parts if _name_of(part) in silent]
    return {name for part in parts for name in machines_of(part, opened.tenant)}


def _describe_part(part: OpenTenant, owner: OwnerFacts | None, stored_bytes: int | None) -> PartStatus:
    """Return the status of a part; ``stored_bytes`` are the current bytes of all buckets of the tenant."""
    storage = part.tenant.storage
    counts_use = part.capabilities.counts_use
    licences = {} if owner is None else owner.licences
    return PartStatus(
        storage.platform,
        storage.quota_bytes,
        (None if owner is None else owner.known_use_bytes) if counts_use else stored_bytes,
        None if owner is None else owner.wall_bytes,
        part.capabilities.wall_is_quota,
        part.capabilities.figure_age_hours,
        {name: each.granted for name, each in licences.items()},
        {name: each.used for name, each in licences.items()},
    )


def _look_at_left(opened: OpenTenant, existing: ExistingBuckets, now: datetime) -> list[MachineLook | Finding]:
    """Look at the buckets that machines left when they moved on to an agent without one."""
    left, in_need = opened.of_buckets, with_bucket(opened.tenant.machines)
    names = existing.among(each for each in with_bucket(left.tenant.machines) if each not in in_need)
    return [look_at_machine(left, name, now) for name in names]


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


def hold_status(tenant: Tenant, in_force: bool | None, vendors: tuple[str, ...] = ()) -> HoldStatus | None:
    """Return a tenant's hold in the form of `coffre status`; ``vendors`` are platforms without buckets. Pure.

    Nobody is let in there while access is blocked, so that nothing is deleted; otherwise the customer may delete.
    """
    hold = tenant.hold
    if hold is None:
        return None
    since = f"{hold.since:%Y-%m-%d}"
    open_to_customer = vendors if find_reason(tenant) != HELD else ()
    if open_to_customer:
        in_force = False
    return HoldStatus(hold.reference or None, since, hold.kind.value, in_force, hold.is_confidential, open_to_customer)


def count_licences(tenant: Tenant) -> dict[str, LicenceStatus]:
    """Count the granted and used licences of each kind; a retired machine uses none (contract, article 1a). Pure."""
    used = Counter(machine.kind for machine in tenant.machines.values() if machine.retired is None)
    kinds = [kind for kind in MachineKind if kind in tenant.licences or kind in used]
    return {kind.value: LicenceStatus(tenant.licences.get(kind, 0), used[kind]) for kind in kinds}
