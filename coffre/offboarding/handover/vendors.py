"""Backups that only their vendor's own restore reads: the customer gets them in the vendor's portal, not from us."""

from collections.abc import Callable

from coffre.offboarding.lifecycle.due import get_leaving
from coffre.offboarding.lifecycle.evidence import RestoreLeft, Step
from coffre.offboarding.lifecycle.journal import Journal
from coffre.spec.leaving import Choice
from coffre.storage.kinds import driver_of
from coffre.tenant.opening import OpenTenant

OnProgress = Callable[[str], None]


def list_restores(opened: OpenTenant) -> list[RestoreLeft]:
    """Return the machines whose backups the customer restores by itself; none when it chose erasure."""
    return [] if get_leaving(opened.tenant).choice is Choice.ERASE else list_vendor_machines(opened)


def list_vendor_machines(opened: OpenTenant) -> list[RestoreLeft]:
    """Return the machines whose backups SMILÉO cannot read, each with where they are restored."""
    return [
        RestoreLeft(name, part.tenant.storage.platform, stated.host.name if stated.host else "", stated.portal or "")
        for part in opened.parts
        if not part.capabilities.has_buckets
        for stated in [driver_of(part.platform).describe(part.platform)]
        for name in part.tenant.machines
    ]


def leave_restores(opened: OpenTenant, journal: Journal, say: OnProgress) -> None:
    """Record each machine whose backups the customer restores in the vendor's portal. May run twice."""
    known = {each.machine for each in journal.read(Step.RESTORE_LEFT, RestoreLeft)}
    for each in list_restores(opened):
        if each.machine not in known:
            journal.note(Step.RESTORE_LEFT, each, each.machine)
            say(f"{each.machine}: only {each.editor} reads its backups; the customer restores them at {each.portal}")
