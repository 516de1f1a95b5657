"""offboard --verify: whether all is gone, by another way than the one that erased, and by whom."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from coffre.errors import RefusedError
from coffre.offboarding.approval.second_person import digest_verification, has_approved, is_another_person, list_erasers
from coffre.offboarding.erase.checks import Check
from coffre.offboarding.erase.verifying import verify_gone, verify_machine_gone
from coffre.offboarding.lifecycle.evidence import ErasureBegan, Step, Verified
from coffre.offboarding.lifecycle.procedure import Departure, Manner, open_departure
from coffre.records.details import to_details
from coffre.records.facts.departure import Stage
from coffre.signing.signers import person_of
from coffre.signing.statements import Act
from coffre.spec.loader import Repository


@dataclass(frozen=True)
class Verification:
    """What a verification found, and who did it.

    ``is_proved``: signatures show that it was another person than whoever erased and whoever approved;
    ``is_same_person``: it was not, or not even by name.
    """

    tenant: str
    actor: str
    is_same_person: bool
    verified: Verified
    is_proved: bool = False


def verify_erasure(
    repository: Repository, slug: str, machine: str | None, asked_day: date | None, manner: Manner
) -> Verification:
    """Look for anything that is left, write down what was seen and by whom; touches nothing. May run again.

    RefusedError before the erasure and after the end, when the keys are gone with which to look; and for one who erased
    or approved, where platform.yaml wants that proved.
    """
    quiet = replace(manner, confirm=lambda _: None)
    with open_departure(repository, slug, "offboard --verify", asked_day, quiet, machine) as departure:
        journal = departure.journal
        if journal.stage is not Stage.ERASED:
            at = journal.stage.value if journal.stage is not None else "not begun"
            raise RefusedError(
                f"there is nothing to verify: the departure of {slug} is at {at}",
                "`--verify` comes after the erasure and before the end, while the old keys can still be tried.",
            )
        _refuse_beforehand(departure, manner)
        verified = Verified(tuple(_look(departure, machine)))
        # Signed once it is seen: the signature is about what was seen too.
        acted = departure.prove(Act.VERIFY, digest_verification(journal, to_details(verified)))
        is_another = acted is not None and is_another_person(departure.people, journal, acted)
        if not is_another and departure.people.is_needed(Act.VERIFY):
            raise _not_another(slug)
        event = journal.note(Step.VERIFIED, verified, again=True)
        is_same = not is_another and person_of(event.actor) in {person_of(each) for each in list_erasers(journal)}
        return Verification(slug, event.actor, is_same, verified, is_another)


def _refuse_beforehand(departure: Departure, manner: Manner) -> None:
    """Refuse what can be told before anything is looked at: no key, or one of who erased or approved."""
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
        raise _not_another(departure.service.tenant.slug)


def _not_another(slug: str) -> RefusedError:
    return RefusedError(
        f"that somebody else than who erased and approved verifies {slug} is not proved",
        "Another person runs the same command, with a key of their own that none of the others brought alone.",
    )


def _look(departure: Departure, machine: str | None) -> Sequence[Check]:
    service = departure.service
    began = departure.journal.read(Step.ERASURE_BEGAN, ErasureBegan)
    if machine is not None:
        return list(verify_machine_gone(service, machine, began))
    return list(verify_gone(service, service.secrets.control(), began))
