"""Erases a tenant's owners on platforms without buckets: a vendor's customer, which goes with everything in it.

Each is proved and recorded before somebody agrees to its end, and what is deleted has to be the same still.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from coffre.errors import RefusedError, RemoteError
from coffre.offboarding.lifecycle.evidence import OwnerErased, OwnerErasureBegan, OwnerProved, Step
from coffre.offboarding.lifecycle.journal import Journal
from coffre.offboarding.lifecycle.stages import Waiting
from coffre.provisioning.engine.stack import state_folder
from coffre.spec import naming
from coffre.storage.ending import OwnerEraser, OwnerTrace, Refuse
from coffre.tenant.opening import OpenTenant

OnProgress = Callable[[str], None]


@dataclass(frozen=True)
class ProvedOwner:
    """An owner whose end is asked for: its last proof, and what deletes it."""

    proved: OwnerProved
    eraser: OwnerEraser


def open_eraser(home: OpenTenant) -> OwnerEraser | None:
    """Return what deletes the tenant's owner on one platform; None where its backups lie in buckets."""
    return home.storage.open_owner_eraser(home.buckets.owner_uid)


def prove_owners(opened: OpenTenant, journal: Journal) -> list[ProvedOwner]:
    """Record every owner that is still to be erased as it is now; deletes nothing, and may run again.

    One that the vendor no longer shows keeps its last proof. RefusedError when another one has its place by now.
    """
    erased = {each.platform for each in journal.read(Step.OWNER_ERASED, OwnerErased)}
    found = [(home, eraser) for home in opened.homes if (eraser := open_eraser(home)) is not None]
    proved = [
        (_prove(journal, home, eraser), eraser) for home, eraser in found if home.tenant.storage.platform not in erased
    ]
    return [ProvedOwner(each, eraser) for each, eraser in proved if each is not None]


def find_proof(journal: Journal, platform: str) -> OwnerProved | None:
    """Return the newest proof of the owner on a platform."""
    found = [each for each in journal.read(Step.OWNER_PROVED, OwnerProved) if each.platform == platform]
    return found[-1] if found else None


def _prove(journal: Journal, home: OpenTenant, eraser: OwnerEraser) -> OwnerProved | None:
    platform = home.tenant.storage.platform
    before, seen = find_proof(journal, platform), eraser.prove()
    if seen is None:
        _refuse_renamed(home, eraser)
        return before
    now = OwnerProved.of(platform, seen)
    if before is not None and before.uuid != now.uuid:
        raise RefusedError(
            f"{now.external_id} on {platform} is customer {now.uuid}, and was {before.uuid} before",
            "Nothing was changed. Find out who made that customer, or gave it this external id, and take the id away.",
        )
    if now != before:
        journal.note(Step.OWNER_PROVED, now, again=True)
    return now


def _refuse_renamed(home: OpenTenant, eraser: OwnerEraser) -> None:
    """Refuse when the customer that Coffre made is there without our external id: it would stay, with its backups."""
    stack = naming.stack_name(home.tenant)
    with state_folder(home.checkout).reading(stack) as folder:
        state = folder.read(stack)
    renamed = None if state is None else eraser.find_renamed(state.resources)
    if renamed is not None:
        raise RefusedError(
            f"customer {renamed} on {home.tenant.storage.platform} was made for {home.tenant.slug}, and no longer has "
            "its external id",
            "Nothing was changed. Find out who took the id away, give it to the customer again, then run this again.",
        )


def refuse_enabled(owners: Sequence[ProvedOwner]) -> None:
    """Refuse owners that still work, before anything at all is deleted."""
    for each in owners:
        proved = each.proved
        if proved.is_enabled:
            raise RefusedError(
                f"customer {proved.uuid} on {proved.platform} is enabled: somebody works in it",
                "Nothing was changed. Find out who enabled it, disable it in the vendor's portal, then run this again.",
            )


def refuse_at_vendor(opened: OpenTenant, machine: str) -> None:
    """Refuse the end of one machine whose backups a vendor keeps: it documents no deletion of one machine's backups."""
    home = next((part for part in opened.parts if machine in part.tenant.machines), opened)
    if home.capabilities.has_buckets:
        return
    raise RefusedError(
        f"the backups of {opened.tenant.slug}/{machine} are at the vendor's on {home.tenant.storage.platform}, which "
        "documents no call that deletes those of one machine",
        "Nothing was changed, and nothing is certified. Delete them in the vendor's portal (docs/offboarding.md, One "
        "retired machine), then remove the machine from the file; what is left goes at the end of the contract.",
    )


def describe_proved(proved: OwnerProved) -> str:
    """Describe an owner for the person who agrees to its end. Pure."""
    used = ", ".join(proved.used) or "nothing in use"
    below = f", {proved.below} tenants below it" if proved.below else ""
    return f"customer {proved.name} ({proved.uuid}) on {proved.platform}: {used}{below}"


def erase_owners(journal: Journal, owners: Sequence[ProvedOwner], refuse: Refuse, say: OnProgress) -> Waiting | None:
    """Delete the proved owners; returns the reason to wait while a vendor is still at it. May run again after a kill.

    RefusedError, and that owner stays: it is enabled, or not what was proved, or ``refuse`` says no.
    """
    for each in owners:
        proved = each.proved
        began = OwnerErasureBegan(proved.platform, proved.uuid, proved.version)
        if began not in journal.read(Step.OWNER_ERASURE_BEGAN, OwnerErasureBegan):
            refuse()
            journal.note(Step.OWNER_ERASURE_BEGAN, began, again=True)
        each.eraser.delete(proved.proof, refuse)
        trace = each.eraser.find_trace(proved.proof)
        if trace.is_being_deleted:
            return Waiting(f"the vendor's own deletion of {proved.uuid} on {proved.platform}, which has begun")
        _refuse_left(proved, trace)
        journal.note(
            Step.OWNER_ERASED,
            OwnerErased(proved.platform, proved.external_id, proved.uuid, trace.deleted_at, trace.recoverable_until),
            again=True,
        )
        say(f"customer {proved.name} ({proved.uuid}) on {proved.platform} is deleted, with everything in it")
    return None


def _refuse_left(proved: OwnerProved, trace: OwnerTrace) -> None:
    if not trace.is_gone:
        raise RemoteError(
            f"customer {proved.uuid} on {proved.platform} was deleted, but a customer with its external id is there",
            "Find out who made it, then run the same command again.",
        )
