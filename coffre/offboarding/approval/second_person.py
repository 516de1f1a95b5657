"""Checks with signatures that another person than the eraser and the approver did the verification."""

from collections.abc import Mapping

from coffre.offboarding.approval.people import Acted, People, digest
from coffre.offboarding.lifecycle.evidence import Approved, ErasureBegan, OwnerErasureBegan, Step
from coffre.offboarding.lifecycle.journal import Journal
from coffre.records.details import to_details
from coffre.signing.statements import Act

ERASING = (Step.BUCKET_ERASED, Step.OWNER_ERASED, Step.SECRET_DESTROYED, Step.USER_DELETED)
"""The steps of an erasure: the author of any of them is an eraser."""


def digest_verification(journal: Journal, verified: Mapping[str, object]) -> str:
    """Return the SHA-256 of a verification's subject: the erasure in the journal, and the observation.

    ``verified`` are the recorded details: a statement signs the form of its version.
    """
    began = [to_details(each) for each in journal.read(Step.ERASURE_BEGAN, ErasureBegan)]
    owners = [to_details(each) for each in journal.read(Step.OWNER_ERASURE_BEGAN, OwnerErasureBegan)]
    erased = {"erased": began, **({"owners": owners} if owners else {})}
    return digest({**erased, "seen": {"checks": verified.get("checks")}})


def list_erasers(journal: Journal) -> set[str]:
    """Return the names of the people who erased anything of a tenant."""
    return {entry.event.actor for step in ERASING for entry in journal.steps(step)}


def is_another_person(people: People, journal: Journal, verifier: Acted) -> bool:
    """Tell whether signatures prove that another person than the erasers and the approver did the verification.

    Each earlier step of the erasure must belong to a signed statement.
    """
    erasers = {acted.statement.nonce: acted for acted in people.list_acts(Act.ERASE)}
    place = verifier.entry.event.id or 0
    steps = [entry for step in ERASING for entry in journal.steps(step) if (entry.event.id or 0) < place]
    signed_by = [erasers.get(str(entry.by)) for entry in steps]
    if not steps or any(each is None for each in signed_by):
        return False
    if not all(people.is_two_people(verifier, each) for each in signed_by if each is not None):
        return False
    return not has_approved(people, journal, verifier.name, verifier.identity.fingerprint)


def has_approved(people: People, journal: Journal, name: str, fingerprint: str) -> bool:
    """Tell whether a person approved a departure by a signature."""
    approved = journal.find(Step.APPROVED, Approved)
    if approved is None or not approved.is_proved:
        return False
    return people.is_one(approved.approved_by, name) or approved.approver_key == fingerprint
