"""What forbids a change of a tenant file, each with its evidence. Pure.

A guard is a refusal before the merge (exit 4). Most of them are refused again by `apply`, which trusts no review.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from coffre.review.changes import ChangeKind, FileChange
from coffre.spec.machine import MachineKind
from coffre.spec.tenant import Tenant, TenantStatus


class GuardKind(StrEnum):
    """The reason of a refusal."""

    AMENDMENT_LACKING = "amendment_lacking"
    """Quota, licences, options or the rhythm of restore tests change without a new amendment or order (contract,
    article 9): `changed` kinds."""
    QUOTA_BELOW_USE = "quota_below_use"
    """`used_bytes` and the reserve exceed the new, lower `quota_bytes`: backups would stop at once."""
    PART_BELOW_USE = "part_below_use"
    """`used_bytes` and the reserve exceed the new quota of the part on this platform, `quota_bytes`: its machines would
    stop."""
    LICENCES_BELOW_DEPLOYED = "licences_below_deployed"
    """Fewer licences than deployed machines of that kind: `machines` (contract, article 1a)."""
    PLATFORM_FULL = "platform_full"
    """The quotas sold on a `platform` exceed what it may sell, `sellable_bytes`: `sold_bytes`."""
    MACHINE_RENAMED = "machine_renamed"
    """A machine has another name: it would start from zero: `before`."""
    ID_CHANGED = "id_changed"
    ID_REUSED = "id_reused"
    """Another tenant has or had this id: `by`."""
    DELETED_BY_ABSENCE = "deleted_by_absence"
    """A tenant's file, or a machine in it, is gone: removing text erases nothing."""
    SELF_APPROVED = "self_approved"
    """`leaving:` names an author of the change as the person who approves it: `author`."""
    HOLD_LIFTED = "hold_lifted"
    """A hold is removed, and no commit of the change names the order that lifts it: `reference`."""
    FILE_MOVED = "file_moved"
    """A tenant's file has another name: `before`."""
    COPY_MOVED = "copy_moved"
    """The second copy has another platform, or none: `before`."""
    TERMS_AHEAD = "terms_ahead"
    """The day on which the customer accepted the editor's terms has not come yet: `terms_accepted_on`."""


Evidence = Mapping[str, str | int | tuple[str, ...] | None]


@dataclass(frozen=True)
class Guard:
    """One refusal; ``subject`` is a machine, a kind of licence or a platform, None for the whole tenant."""

    kind: GuardKind
    subject: str | None = None
    evidence: Evidence = field(default_factory=dict)


@dataclass(frozen=True)
class PartUse:
    """What a tenant uses on one platform: its bytes as its quota counts them, and the reserve."""

    used_bytes: int
    reserve_bytes: int


@dataclass(frozen=True)
class LiveUse:
    """What platforms and records have of a tenant now: its bytes, the reserve, and deployed machines.

    ``parts`` are its use by platform, whose sums the first two are.
    """

    used_bytes: int
    reserve_bytes: int
    deployed: Collection[str]
    parts: Mapping[str, PartUse] = field(default_factory=dict)


@dataclass(frozen=True)
class Unseen:
    """The use of a tenant could not be read: the answer of its platform, or of the checkout."""

    error: str


@dataclass(frozen=True)
class Authorship:
    """Who wrote the commits of a change of this file, by e-mail, and the orders that their messages say lift a hold."""

    authors: Collection[str] = ()
    lifts_holds: Collection[str] = ()


SOLD = {ChangeKind.QUOTA, ChangeKind.LICENCES, ChangeKind.OPTION, ChangeKind.DRILLS}
"""What an order or an amendment sells (contract, articles 3 and 9)."""


def judge_file(
    before: Tenant | None, after: Tenant | None, changes: Iterable[FileChange], authorship: Authorship
) -> list[Guard]:
    """Return what forbids the change of one tenant's file, from the two versions alone."""
    found = list(changes)
    if before is None:
        return []
    if after is None:
        return [Guard(GuardKind.DELETED_BY_ABSENCE)]
    return [
        *_judge_order(before, after, found),
        *_judge_machines(found),
        *_judge_identity(found),
        *_judge_departure(before, after, authorship),
        *_judge_hold(before, after, authorship),
    ]


def judge_terms(after: Tenant, today: date) -> list[Guard]:
    """Return the refusal of an acceptance that lies ahead; ``today`` is the day in the tenant's time zone."""
    vendor = after.contract.vendor
    if vendor is None or vendor.terms_accepted_on <= today:
        return []
    return [Guard(GuardKind.TERMS_AHEAD, None, {"terms_accepted_on": vendor.terms_accepted_on.isoformat()})]


def judge_use(after: Tenant, changes: Iterable[FileChange], use: LiveUse) -> list[Guard]:
    """Return what forbids a change by the tenant's current use."""
    found = list(changes)
    guards = []
    quota_bytes = after.storage.quota_bytes
    if _is_lower_quota(found) and use.used_bytes + use.reserve_bytes > quota_bytes:
        evidence: Evidence = {
            "used_bytes": use.used_bytes,
            "reserve_bytes": use.reserve_bytes,
            "quota_bytes": quota_bytes,
        }
        guards.append(Guard(GuardKind.QUOTA_BELOW_USE, None, evidence))
    guards += _judge_parts(found, use.parts)
    if any(change.kind is ChangeKind.LICENCES for change in found):
        guards += _judge_licences(after, use.deployed)
    return guards


def _judge_parts(changes: Iterable[FileChange], parts: Mapping[str, PartUse]) -> Iterator[Guard]:
    for change in changes:
        use, was, now = parts.get(change.subject or ""), change.before, change.after
        is_raised = isinstance(was, int) and isinstance(now, int) and was <= now
        if change.kind is not ChangeKind.PART or use is None or is_raised:
            continue
        quota_bytes = now if isinstance(now, int) else 0
        if use.used_bytes and use.used_bytes + use.reserve_bytes > quota_bytes:
            yield Guard(GuardKind.PART_BELOW_USE, change.subject, {**vars(use), "quota_bytes": quota_bytes})


def _is_lower_quota(changes: Iterable[FileChange]) -> bool:
    # More space than before stops no backup, also where it is not enough.
    sizes = [(change.before, change.after) for change in changes if change.kind is ChangeKind.QUOTA]
    return any(isinstance(was, int) and isinstance(now, int) and now < was for was, now in sizes)


def judge_platform(
    name: str, sellable_bytes: int | None, before: Iterable[Tenant], after: Iterable[Tenant]
) -> list[Guard]:
    """Return the refusal to sell more on a platform than it may; none without a limit, or when no more is sold.

    A second copy takes as much there as its original does elsewhere, and a closed tenant takes nothing.
    """
    was, sold = (_sum_sold(name, tenants) for tenants in (before, after))
    if sellable_bytes is None or sold <= was or sold <= sellable_bytes:
        return []
    evidence: Evidence = {"platform": name, "sold_bytes": sold, "sellable_bytes": sellable_bytes}
    return [Guard(GuardKind.PLATFORM_FULL, None, evidence)]


def _sum_sold(platform: str, tenants: Iterable[Tenant]) -> int:
    open_ones = [tenant for tenant in tenants if tenant.status is not TenantStatus.CLOSED]
    return sum(quota_bytes for tenant in open_ones for name, quota_bytes in _list_sold(tenant) if name == platform)


def _list_sold(tenant: Tenant) -> Iterator[tuple[str, int]]:
    """Yield what a tenant takes, by platform: its parts where it has some, and its second copy."""
    parts = {name: part.quota_bytes for name, part in tenant.storage.parts.items()}
    yield from (parts or {tenant.storage.platform: tenant.storage.quota_bytes}).items()
    copied = tenant.copied()
    if copied is not None:
        yield copied.storage.platform, copied.storage.quota_bytes


def judge_moves(
    before: Mapping[str, Tenant], after: Mapping[str, Tenant], slug: str, gone: Collection[str]
) -> list[Guard]:
    """Return the refusal of a file that appears with the id of another tenant, or of the same one under a new name.

    ``gone`` are the slugs whose file is removed: a file with a problem is still there.
    """
    tenant = after.get(slug)
    if tenant is None or slug in before:
        return []
    owners = [name for name, each in before.items() if each.id == tenant.id]
    moved = [name for name in owners if name in gone]
    if moved:
        return [Guard(GuardKind.FILE_MOVED, None, {"before": moved[0]})]
    return [Guard(GuardKind.ID_REUSED, None, {"by": owners[0]})] if owners else []


def _judge_order(before: Tenant, after: Tenant, changes: Iterable[FileChange]) -> Iterator[Guard]:
    sold = tuple(sorted({change.kind.value for change in changes if change.kind in SOLD}))
    known = {before.contract.reference, *(each.reference for each in before.contract.amendments)}
    named = {after.contract.reference, *(each.reference for each in after.contract.amendments)}
    if sold and not named - known:
        yield Guard(GuardKind.AMENDMENT_LACKING, None, {"changed": sold})


def _judge_machines(changes: Iterable[FileChange]) -> Iterator[Guard]:
    for change in changes:
        if change.kind is ChangeKind.MACHINE_RENAMED:
            yield Guard(GuardKind.MACHINE_RENAMED, change.subject, {"before": str(change.before)})
        if change.kind is ChangeKind.MACHINE_GONE:
            yield Guard(GuardKind.DELETED_BY_ABSENCE, change.subject)


def _judge_identity(changes: Iterable[FileChange]) -> Iterator[Guard]:
    for change in changes:
        if change.kind is ChangeKind.ID:
            yield Guard(GuardKind.ID_CHANGED, None, {"before": str(change.before)})
        if change.kind is ChangeKind.SECOND_COPY and change.before is not None:
            yield Guard(GuardKind.COPY_MOVED, None, {"before": str(change.before)})


def _judge_departure(before: Tenant, after: Tenant, authorship: Authorship) -> Iterator[Guard]:
    if after.leaving is None or after.leaving == before.leaving:
        return
    approver = after.leaving.approved_by.casefold()
    if approver in {each.casefold() for each in authorship.authors}:
        yield Guard(GuardKind.SELF_APPROVED, None, {"author": after.leaving.approved_by})


def _judge_hold(before: Tenant, after: Tenant, authorship: Authorship) -> Iterator[Guard]:
    if before.hold is None or (after.hold is not None and after.hold.reference == before.hold.reference):
        return
    if before.hold.reference not in authorship.lifts_holds:
        yield Guard(GuardKind.HOLD_LIFTED, None, {"reference": before.hold.reference})


def _judge_licences(after: Tenant, deployed: Collection[str]) -> Iterator[Guard]:
    for kind in MachineKind:
        machines = tuple(
            name for name, machine in after.active_machines().items() if machine.kind is kind and name in deployed
        )
        granted = after.licences.get(kind, 0)
        if len(machines) > granted:
            yield Guard(GuardKind.LICENCES_BELOW_DEPLOYED, kind.value, {"machines": machines, "granted": granted})
