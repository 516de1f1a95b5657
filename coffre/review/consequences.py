"""What follows from a change of a tenant file besides the change itself: notice, dates, costs of the hour. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

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
    return consequences


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
        case ChangeKind.MACHINE_ADDED | ChangeKind.MACHINE_CONNECTION | ChangeKind.MACHINE_BACK if _is_pulled(
            after, change.subject
        ):
            yield Consequence(ConsequenceKind.MUST_ENROL, change.subject)
        case ChangeKind.MACHINE_RETIRED:
            yield Consequence(ConsequenceKind.LICENCE_FREED, change.subject, {"until": _text(change.after)})


def _is_pulled(tenant: Tenant, name: str | None) -> bool:
    machine = tenant.machines.get(name or "")
    return machine is not None and not machine.is_retired and isinstance(machine.connection, PullConnection)


def _text(value: object) -> str | None:
    return None if value is None else str(value)
