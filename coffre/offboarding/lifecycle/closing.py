"""Ends a departure: removes the stack, the control bundle and local files, checks again, and issues the certificate."""

from collections.abc import Callable

from coffre.offboarding.certificate.issue import issue
from coffre.offboarding.erase import destroying
from coffre.offboarding.erase.checks import ChecksFailedError, ServiceKeys
from coffre.offboarding.erase.verifying import verify_nothing_left, verify_owners_gone
from coffre.offboarding.lifecycle.due import refusing_under_hold
from coffre.offboarding.lifecycle.evidence import ErasureBegan, OwnerProved, SecretDestroyed, Step, Verified
from coffre.offboarding.lifecycle.journal import Journal
from coffre.offboarding.lifecycle.keeping_after import trim_records
from coffre.offboarding.notices.letting_know import Desk
from coffre.tenant.opening import OpenTenant

OnProgress = Callable[[str], None]


def close(opened: OpenTenant, journal: Journal, desk: Desk, say: OnProgress) -> list[str]:
    """Remove the rest of a tenant after erasure and verification; returns the new documents. May run twice."""
    refuse = refusing_under_hold(opened.tenant, opened.checkout, opened.log, "the end of its departure")
    refuse()
    if not journal.steps(Step.STACK_REMOVED):
        journal.note(
            Step.STACK_REMOVED,
            destroying.remove_stacks(opened, refuse=refuse),
        )
        say("the stack, its state and its history are removed")
    for home in opened.homes:
        if home.tenant.is_part:
            continue  # it has the bundle of the tenant's own platform
        keys = ServiceKeys(copied_to=home.tenant.copied_to)
        if not any(each.what == keys for each in journal.read(Step.SECRET_DESTROYED, SecretDestroyed)):
            journal.note(Step.SECRET_DESTROYED, destroying.destroy_control_bundle(home, refuse=refuse))
            of = "" if keys.copied_to is None else f" for {keys.copied_to}"
            say(f"the control bundle{of} and its escrow copy are destroyed")
    if not journal.steps(Step.LOCAL_REMOVED):
        journal.note(
            Step.LOCAL_REMOVED,
            destroying.remove_local(opened, refuse=refuse),
        )
    began = journal.read(Step.ERASURE_BEGAN, ErasureBegan)
    proved = journal.read(Step.OWNER_PROVED, OwnerProved)
    left = [check for home in opened.homes for check in verify_nothing_left(home, began)]
    last = Verified((*left, *verify_owners_gone(opened, proved)))
    journal.note(Step.FINAL_CHECK, last)
    if not last.is_passed:
        message, hint = f"{opened.tenant.slug} cannot be closed", "Find out who created it again, and why."
        raise ChecksFailedError(message, hint, last.failed)
    trim_records(opened.log, journal)
    certificate = issue(opened, journal, journal.today)
    say(f"certificate {certificate.number}")
    return [str(certificate.pdf), str(certificate.json), *desk.tell_erased(certificate)]
