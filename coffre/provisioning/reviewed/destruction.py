"""Why a plan destroys something, so that two persons are needed. Pure."""

from collections.abc import Collection, Iterator
from enum import StrEnum

from coffre.provisioning.changes import ResourceChange
from coffre.provisioning.plan import TenantPlan
from coffre.provisioning.terms.found import ChangeKind
from coffre.provisioning.terms.notes import NoteKind


class Destruction(StrEnum):
    """What a plan destroys. Records keep the values for ever."""

    RESOURCES = "resources"
    """A resource of the platform is deleted or replaced: a key, a user, a bucket, a policy."""
    MACHINES = "machines"
    """An agent is removed: its machine is retired, and no longer backed up."""
    SERVICE = "service"
    """Machines lose the access to their backups: the customer is suspended, or a hold blocks the access."""
    LEAVING = "leaving"
    """The contract ends: what follows erases the data."""
    EARLIER_VERSIONS = "earlier_versions"
    """Deleted and overwritten objects expire sooner."""
    HISTORY = "history"
    """The backups of a machine are given up."""
    PROTECTION = "protection"
    """The file protects less than before: fewer paths, fewer runs, a shorter retention."""


_GONE = frozenset({"delete", "replace"})
_STEPS = {
    ChangeKind.EXPIRE_SOONER: Destruction.EARLIER_VERSIONS,
    ChangeKind.EXPIRE_AGAIN: Destruction.EARLIER_VERSIONS,
    ChangeKind.BEGIN_ANEW: Destruction.HISTORY,
    ChangeKind.DELETE_KEYS: Destruction.RESOURCES,
    ChangeKind.REPLACE_KEYS: Destruction.RESOURCES,
}


def find_destruction(plan: TenantPlan, *, is_weaker: bool) -> tuple[Destruction, ...]:
    """Return what a plan destroys, nothing for a harmless one; ``is_weaker``: the file protects less than before."""
    found = {*_list_destroyed(plan), *([Destruction.PROTECTION] if is_weaker else ())}
    return tuple(each for each in Destruction if each in found)


def _list_destroyed(plan: TenantPlan) -> Iterator[Destruction]:
    copied = () if plan.second_copy is None else plan.second_copy.storage
    if _has_gone((*plan.storage, *copied)):
        yield Destruction.RESOURCES
    if any(machine.action == "remove" for machine in plan.machines):
        yield Destruction.MACHINES
    if any(switch.reason is not None for switch in plan.access):
        yield Destruction.SERVICE
    # A plan says where a tenant stands and not since when: each change of one that leaves needs a second person.
    if any(note.kind is NoteKind.LEAVING for note in plan.notes):
        yield Destruction.LEAVING
    yield from (_STEPS[step.kind] for step in plan.steps if step.kind in _STEPS)


def _has_gone(changes: Collection[ResourceChange]) -> bool:
    return any(change.operation in _GONE for change in changes)
