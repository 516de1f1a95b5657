"""Compares two tenant files that were applied: what of a machine is protected less than before. Pure."""

from collections.abc import Iterator

from coffre.spec.plan import Keep, Plan
from coffre.spec.tenant import Tenant

KEEP, UNDELETE, PATHS, EXCLUDE, SCHEDULE, BAITS, COPY = (
    "plan.keep",
    "storage.undelete_days",
    "plan.paths",
    "plan.exclude",
    "plan.schedule",
    "plan.baits",
    "storage.copy",
)
OF_RETENTION = frozenset({KEEP, UNDELETE, COPY})
"""Settings that work for weeks; the others show in the next runs."""

_DAYS_OF = {"daily": 1, "weekly": 7, "monthly": 30, "yearly": 365}


def list_weakened(before: Tenant, after: Tenant, machine: str) -> list[str]:
    """Return the settings of a machine that became weaker, by their names in the tenant file, in a fixed order.

    A machine that one of the files lacks, or that is retired, is not compared: that is a change of its own.
    """
    if machine not in before.active_machines() or machine not in after.active_machines():
        return []
    return [*_of_storage(before, after), *_of_plan(before, after, machine)]


def _of_storage(before: Tenant, after: Tenant) -> Iterator[str]:
    if after.storage.undelete_days < before.storage.undelete_days:
        yield UNDELETE
    if before.storage.second_copy is not None and after.storage.second_copy is None:
        yield COPY


def _of_plan(before: Tenant, after: Tenant, machine: str) -> Iterator[str]:
    was, now = before.machines[machine], after.machines[machine]
    plan, new = before.plans[was.plan], after.plans[now.plan]
    if is_kept_shorter(plan.keep, new.keep):
        yield KEEP
    if set(plan.paths_for(was.os)) - set(new.paths_for(now.os)):
        yield PATHS
    # A pattern that begins with ! takes back what one before it left out.
    left_out = {each for each in new.exclude if not each.startswith("!")} - set(plan.exclude)
    taken_back = {each for each in plan.exclude if each.startswith("!")} - set(new.exclude)
    if left_out or taken_back:
        yield EXCLUDE
    if plan.baits and not new.baits:
        yield BAITS
    if count_runs(new) < count_runs(plan):
        yield SCHEDULE


def is_kept_shorter(before: Keep, after: Keep) -> bool:
    """Tell whether backups of any rhythm stay for a shorter time; a longer time of a denser rhythm makes up for it."""
    return any(_reach(after, name) < _reach(before, name) for name in _DAYS_OF)


def _reach(keep: Keep, name: str) -> int:
    """Return for how many days backups at least as dense as a rhythm stay."""
    names = list(_DAYS_OF)
    denser = names[: names.index(name) + 1]
    return max(int(getattr(keep, each)) * _DAYS_OF[each] for each in denser)


def count_runs(plan: Plan) -> int:
    """Return how often a plan runs in a week."""
    return sum(len(each.days) for each in plan.schedule)
