"""The English words about plans that a review made, and about their apply after the merge."""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coffre.provisioning.plan import TenantPlan
    from coffre.provisioning.reviewed.carrying import Approved
    from coffre.review.review import PlannedChange, Unplanned

Quote = Callable[[str], str]


def describe_planned(planned: "PlannedChange | Unplanned | None", quote: Quote) -> Iterator[str]:
    """Say whether a plan was saved, and whether it destroys something."""
    if planned is None:
        return
    from coffre.review.review import Unplanned

    if isinstance(planned, Unplanned):
        yield f"NOT PLANNED: {quote(planned.error)}"
        return
    yield f"plan: {_count(planned.plan)}; it is saved for `coffre apply --reviewed` after the merge"
    if planned.destroys:
        yield f"this plan destroys: {name_destruction(planned.destroys)}. A second person approves it on the git host"


def _count(plan: "TenantPlan") -> str:
    if not plan.is_needed:
        return "an apply changes nothing"
    resources = len(plan.storage) + (0 if plan.second_copy is None else len(plan.second_copy.storage))
    agents = sum(machine.action != "none" for machine in plan.machines)
    return f"an apply changes resources: {resources}, agents: {agents}"


def list_plan(planned: "PlannedChange | Unplanned | None", quote: Quote) -> Iterator[tuple[int, str]]:
    """Yield the lines of a plan, each with its depth; all but the heading have values of a file in them."""
    if planned is None:
        return
    from coffre.cli.words.plan import say_plan
    from coffre.review.review import PlannedChange

    lines = list(say_plan(planned.plan)) if isinstance(planned, PlannedChange) else []
    if lines:
        yield 0, "the plan of an apply:"
    yield from ((2 if line.startswith(" ") else 1, quote(line.strip())) for line in lines)


def name_destruction(destroys: Iterable[str]) -> str:
    """Name what a plan destroys."""
    return ", ".join(_DESTROYS[each] for each in destroys)


def describe_approved(approved: "Approved") -> str:
    """Say which reviewed plan is applied, and who agreed to it."""
    plan, consent = approved.plan.reviewed, approved.consent
    made = f"plan of commit {(plan.exact.commit or 'none')[:12]}, made {plan.planned_at:%Y-%m-%d %H:%M} UTC"
    if consent.change_number is None:
        return f"{made}; no git host was asked who approved it"
    by = ", ".join(consent.approved_by) or "nobody"
    return (
        f"{made}; change {consent.change_number} by {consent.author}, approved by {by}, merged by {consent.merged_by}"
    )


_DESTROYS = {
    "resources": "resources of the platform",
    "machines": "agents of machines",
    "service": "the machines' access to their backups",
    "leaving": "the end of the contract",
    "earlier_versions": "earlier versions of objects",
    "history": "the backups of a machine",
    "protection": "protection of the customer's data",
}
"""By the kind of destruction; a test compares them."""
