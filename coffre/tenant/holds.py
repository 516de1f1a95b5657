"""Confidential holds: in the records, never in git. For every command each is like `hold:` of the tenant file."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from coffre.errors import UsageError
from coffre.records.facts.contract import HoldInFile, HoldLifted, HoldPlaced
from coffre.spec.tenant import Hold, HoldKind, Tenant
from coffre.tenant.estate.log import Log, RecordedFact


class CombinedHold(Hold):
    """All holds on a tenant as one, at least one of them confidential; ``reference`` is the file's, empty without one.

    Plans, logs and reports name no confidential reference: only readers of the records may see it.
    """

    reference: str = ""

    @property
    def is_confidential(self) -> bool:
        return True


@dataclass(frozen=True)
class RecordedHold:
    """One hold of the records, and who placed it."""

    reference: str
    since: date
    kind: HoldKind
    placed_by: str


def list_standing(found: Sequence[RecordedFact[HoldPlaced | HoldLifted]]) -> list[RecordedHold]:
    """Return the holds that were placed and not lifted since, oldest first, from facts in order of recording. Pure."""
    standing: dict[str, RecordedHold] = {}
    for each in found:
        fact = each.fact
        if isinstance(fact, HoldLifted):
            standing.pop(fact.reference, None)
        else:
            standing[fact.reference] = RecordedHold(fact.reference, fact.since, fact.hold_kind, each.actor)
    return list(standing.values())


def combine(in_file: Hold | None, recorded: Sequence[RecordedHold]) -> Hold | None:
    """Combine all holds into one: the strictest kind, since the earliest day. Pure."""
    if not recorded:
        return in_file
    kinds = {hold.kind for hold in recorded} | ({in_file.kind} if in_file is not None else set())
    return CombinedHold(
        reference="" if in_file is None else in_file.reference,
        since=min([hold.since for hold in recorded] + ([in_file.since] if in_file is not None else [])),
        kind=HoldKind.BLOCK_ACCESS if HoldKind.BLOCK_ACCESS in kinds else HoldKind.PRESERVE,
    )


def name_reference(reference: str | None, *, is_confidential: bool) -> str:
    """Name a hold in a message: the reference of the tenant file, and that a confidential hold counts. Pure."""
    if not is_confidential:
        return reference or ""
    confidential = "confidential, see `coffre hold list`"
    return f"{reference}; another is {confidential}" if reference else confidential


def to_fact(hold: Hold) -> HoldInFile:
    """Return a hold as plans and records keep it. Pure."""
    return HoldInFile(hold.reference or None, hold.since, hold.kind, hold.is_confidential)


def under_recorded(tenant: Tenant, recorded: Sequence[RecordedHold]) -> Tenant:
    """Return the tenant of a file under all its holds: the file's own and these. Pure."""
    return tenant.model_copy(update={"hold": combine(tenant.hold, recorded)}) if recorded else tenant


def list_recorded(log: Log) -> list[RecordedHold]:
    """Return the confidential holds on a tenant that are in force now."""
    return list_standing(log.list((HoldPlaced, HoldLifted)))


def record_hold(log: Log, hold: RecordedHold) -> None:
    """Record a hold: it is in force from now on. May run twice; UsageError when it is recorded with other values."""
    standing = next((each for each in list_recorded(log) if each.reference == hold.reference), None)
    if standing is not None:
        if (standing.since, standing.kind) == (hold.since, hold.kind):
            return
        raise UsageError(
            f"{log.slug} already has a hold {hold.reference!r} ({standing.kind.value}, since {standing.since})",
            "Lift it first.",
        )
    log.append(HoldPlaced(hold.reference, hold.since, hold.kind))


def lift_hold(log: Log, reference: str, reason: str) -> None:
    """Record that a hold was lifted, with the reason. UsageError when no hold of that reference is in force."""
    known = [each.reference for each in list_recorded(log)]
    if reference not in known:
        raise UsageError(
            f"{log.slug} has no confidential hold {reference!r}",
            f"Confidential holds in force: {', '.join(known) or 'none'}.",
        )
    log.append(HoldLifted(reference, reason))
