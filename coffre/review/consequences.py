"""What follows from a change of a tenant file besides the change itself: notice, dates, costs of the hour. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from coffre.agents.kinds import find_statement
from coffre.agents.statement import VendorStatement
from coffre.offboarding.lifecycle.calendar import CalendarEntry, plan_calendar
from coffre.review.changes import ChangeKind, FileChange
from coffre.review.guards import SOLD
from coffre.review.sold import find_list
from coffre.spec.platform import Offboarding, WorkingHours
from coffre.spec.prices import Prices
from coffre.spec.tenant import PullConnection, Tenant
from coffre.spec.values.working_hours import why_not


class ConsequenceKind(StrEnum):
    """The kind of a consequence."""

    NOTICE_OWED = "notice_owed"
    """The customer is less protected, and no order asks for it: SMILÉO announces it first (articles 3, 9): `kinds`."""
    OUT_OF_HOURS = "out_of_hours"
    """An apply now is outside working hours, for the `reason`: work is billed at `hour_eur` an hour (article 6)."""
    BASE_INVALID = "base_invalid"
    """The tenant's file in the base has a problem: what changes is not known, and no guard could compare both files."""
    DEPARTURE = "departure"
    """The departure begins, or its dates change."""
    STARTS_FROM_ZERO = "starts_from_zero"
    """The machine, or every machine, backs up everything again, to an empty repository."""
    MUST_ENROL = "must_enrol"
    """Nobody can reach the machine (`via: pull`): after the merge it is invited, and enrols itself."""
    LICENCE_FREED = "licence_freed"
    """The machine's key is deleted by the next apply, and its backups stay `until` a day."""
    VENDOR_AGENT = "vendor_agent"
    """`machines` get the agent of a vendor, its `product`: what the contract leaves to the editor (article 15). The
    `guide` says what to do instead of the verbs that have no meaning there."""
    VENDOR_ORDER = "vendor_order"
    """More licences of a vendor are sold, and the distributor's `order` is the same as before (article 1a)."""
    VENDOR_LICENCE = "vendor_licence"
    """The file sells the machine by another licence than the `licence` that the agent's `editor` takes for `system`."""


Evidence = Mapping[str, str | tuple[str, ...] | None]


@dataclass(frozen=True)
class Consequence:
    """One consequence; ``subject`` is a machine, None for the whole tenant. ``dates`` are those of a departure."""

    kind: ConsequenceKind
    subject: str | None = None
    evidence: Evidence = field(default_factory=dict)
    dates: tuple[CalendarEntry, ...] = ()


def foresee(after: Tenant, changes: Iterable[FileChange], delays: Offboarding) -> list[Consequence]:
    """Return what follows from the changes of one tenant's file."""
    found = list(changes)
    weaker = tuple(sorted({change.kind.value for change in found if change.is_weaker and change.kind not in SOLD}))
    consequences = [Consequence(ConsequenceKind.NOTICE_OWED, None, {"kinds": weaker})] if weaker else []
    for change in found:
        consequences += _follow(after, change, delays)
    return [*consequences, *_foresee_vendors(after, found)]


_ORDER = "vendor.order"


def _foresee_vendors(after: Tenant, changes: Sequence[FileChange]) -> Iterator[Consequence]:
    """Yield what follows from machines that get a vendor's agent, and from licences that its vendor sells."""
    begun = (ChangeKind.MACHINE_ADDED, ChangeKind.MACHINE_AGENT, ChangeKind.MACHINE_BACK)
    touched = {change.subject for change in changes if change.kind in begun}
    found: dict[VendorStatement, list[str]] = {}
    for name, machine in after.active_machines().items():
        statement = find_statement(machine)
        if statement is not None and name in touched:
            found.setdefault(statement, []).append(name)
    for statement, machines in found.items():
        evidence: Evidence = {"machines": tuple(machines), "product": statement.product, "guide": statement.guide}
        yield Consequence(ConsequenceKind.VENDOR_AGENT, None, evidence)
    changed = {change.subject for change in changes}
    for name, machine in after.active_machines().items():
        statement = find_statement(machine) if name in changed else None
        licence = None if statement is None else statement.find_other_licence(machine)
        if statement is not None and licence is not None:
            counted = {"licence": licence.value, "editor": statement.editor, "system": machine.os.value}
            yield Consequence(ConsequenceKind.VENDOR_LICENCE, name, counted)
    # A space that is only now in parts sold its vendor's licences before, if any, as all of the tenant's.
    parts = [change for change in changes if change.kind is ChangeKind.PART]
    is_split = bool(parts) and all(change.before is None for change in parts)
    is_ordered = any(change.kind is ChangeKind.CONTRACT and change.subject == _ORDER for change in changes)
    vendor = after.contract.vendor
    is_new = any(change.kind is ChangeKind.TENANT_ADDED for change in changes)
    if (
        vendor is not None
        and not (is_new or is_ordered or is_split)
        and any(_sells_more(after, change) for change in changes)
    ):
        yield Consequence(ConsequenceKind.VENDOR_ORDER, None, {"order": vendor.order})


def _sells_more(after: Tenant, change: FileChange) -> bool:
    """Tell whether a change sells more licences of a vendor: those of its part, or all where every agent is its own."""
    machines = after.active_machines().values()
    is_vendors = bool(machines) and all(find_statement(machine) is not None for machine in machines)
    kinds = {ChangeKind.PART_LICENCES, *([ChangeKind.LICENCES] if is_vendors and not after.storage.parts else [])}
    was, now = (each if isinstance(each, int) else 0 for each in (change.before, change.after))
    return change.kind in kinds and now > was


def foresee_hours(hours: WorkingHours, prices: Prices | None, now: datetime) -> list[Consequence]:
    """Return what follows from applying now; the price of an hour is that of today's list, if it has one."""
    reason = why_not(hours, now)
    if not reason:
        return []
    entry = None if prices is None else find_list(prices, now.date())
    hour_eur = None if entry is None or entry.out_of_hours_hour_eur is None else str(entry.out_of_hours_hour_eur)
    return [Consequence(ConsequenceKind.OUT_OF_HOURS, None, {"reason": reason, "hour_eur": hour_eur})]


def _follow(after: Tenant, change: FileChange, delays: Offboarding) -> Iterator[Consequence]:
    match change.kind:
        case ChangeKind.LEAVING if after.leaving is not None:
            yield Consequence(ConsequenceKind.DEPARTURE, dates=tuple(plan_calendar(after.leaving, delays).entries))
        case ChangeKind.PLATFORM:
            yield Consequence(ConsequenceKind.STARTS_FROM_ZERO)
        case ChangeKind.MACHINE_RENAMED:
            yield Consequence(ConsequenceKind.STARTS_FROM_ZERO, change.subject)
        case (
            ChangeKind.MACHINE_ADDED
            | ChangeKind.MACHINE_AGENT
            | ChangeKind.MACHINE_CONNECTION
            | ChangeKind.MACHINE_BACK
        ) if _is_pulled(after, change.subject):
            yield Consequence(ConsequenceKind.MUST_ENROL, change.subject)
        case ChangeKind.MACHINE_RETIRED:
            yield Consequence(ConsequenceKind.LICENCE_FREED, change.subject, {"until": _text(change.after)})


def _is_pulled(tenant: Tenant, name: str | None) -> bool:
    machine = tenant.machines.get(name or "")
    return machine is not None and not machine.is_retired and isinstance(machine.connection, PullConnection)


def _text(value: object) -> str | None:
    return None if value is None else str(value)
