"""offboard --verify: verifies by other means than the erasure that everything is gone, and records by whom."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from coffre.errors import RefusedError
from coffre.offboarding.approval.second_person import digest_verification, has_approved, is_another_person, list_erasers
from coffre.offboarding.erase.checks import ErasureCheck
from coffre.offboarding.erase.verifying import of_home, verify_gone, verify_machine_gone, verify_owners_gone
from coffre.offboarding.lifecycle.evidence import ErasureBegan, OwnerProved, Step, Verified
from coffre.offboarding.lifecycle.procedure import Departure, Manner, open_departure
from coffre.records.details import to_details
from coffre.records.facts.departure import Stage
from coffre.signing.signers import person_of
from coffre.signing.statements import Act
from coffre.spec.loader import Checkout


@dataclass(frozen=True)
class ErasureVerification:
    """The result of a verification, and who did it.

    ``is_proved``: signatures show that it was another person than the eraser and the approver;
    ``is_same_person``: it was the same person, or has the same name.
    """

    tenant: str
    actor: str
    is_same_person: bool
    verified: Verified
    is_proved: bool = False


def verify_erasure(
    checkout: Checkout, slug: str, machine: str | None, asked_day: date | None, manner: Manner
) -> ErasureVerification:
    """Search for anything that is left, record the result and the person; deletes nothing. May run again.

    RefusedError before the erasure and after the end, when the keys for the check are gone; and for the eraser or the
    approver, where platform.yaml requires proof.
    """
    quiet = replace(manner, confirm=lambda _: None)
    with open_departure(checkout, slug, "offboard --verify", asked_day, quiet, machine) as departure:
        journal = departure.journal
        if journal.stage is not Stage.ERASED:
            at = journal.stage.value if journal.stage is not None else "not begun"
            raise RefusedError(
                f"there is nothing to verify: the departure of {slug} is at {at}",
                "`--verify` comes after the erasure and before the end, while the old keys can still be tried.",
            )
        _refuse_beforehand(departure, manner)
        verified = Verified(tuple(_look(departure, machine)))
        # Signed after the check: the signature also covers the result.
        acted = departure.prove(Act.VERIFY, digest_verification(journal, to_details(verified)))
        is_another = acted is not None and is_another_person(departure.people, journal, acted)
        if not is_another and departure.people.is_needed(Act.VERIFY):
            raise _not_another(slug)
        event = journal.note(Step.VERIFIED, verified, again=True)
        is_same = not is_another and person_of(event.actor) in {person_of(each) for each in list_erasers(journal)}
        return ErasureVerification(slug, event.actor, is_same, verified, is_another)


def _refuse_beforehand(departure: Departure, manner: Manner) -> None:
    """Refuse early: without a key, or with a key of the eraser or the approver."""
    people, journal = departure.people, departure.journal
    if not people.is_needed(Act.VERIFY):
        return
    if manner.key is None:
        people.prove(Act.VERIFY, "", None)
        return
    identity = people.identify(manner.key)
    name = manner.on_behalf_of or identity.name
    erased = any(people.is_one(each.name, name) for each in people.list_acts(Act.ERASE))
    if erased or has_approved(people, journal, name, identity.fingerprint):
        raise _not_another(departure.opened.tenant.slug)


def _not_another(slug: str) -> RefusedError:
    return RefusedError(
        f"it is not proved that another person than the eraser and the approver verifies {slug}",
        "Another person must run the same command, with their own key that none of the others added alone.",
    )


def _look(departure: Departure, machine: str | None) -> Sequence[ErasureCheck]:
    opened = departure.opened
    began = departure.journal.read(Step.ERASURE_BEGAN, ErasureBegan)
    if machine is not None:
        return verify_machine_gone(opened, machine, began)
    owners = departure.journal.read(Step.OWNER_PROVED, OwnerProved)
    return [
        *(check for home in opened.bucket_homes for check in verify_gone(home, of_home(home, began))),
        *verify_owners_gone(opened, owners),
    ]
