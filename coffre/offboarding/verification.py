"""offboard --verify: whether all is gone, by another way than the one that erased, and by whom."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from coffre.errors import RefusedError
from coffre.offboarding.evidence import ErasureBegan, Step, Verified
from coffre.offboarding.journal import Journal
from coffre.offboarding.procedure import Manner, open_departure
from coffre.offboarding.verifying import verify_gone, verify_machine_gone
from coffre.operations.stage import Stage
from coffre.spec.loader import Repository


@dataclass(frozen=True)
class Verification:
    """What a verification found, who did it, and whether that is who erased."""

    tenant: str
    actor: str
    is_same_person: bool
    verified: Verified


def verify_erasure(
    repository: Repository,
    slug: str,
    machine: str | None,
    asked_day: date | None,
    on_progress: Callable[[str], None],
) -> Verification:
    """Look for anything that is left, write down what was seen and by whom; touches nothing. May run again.

    RefusedError before the erasure and after the end, when the keys are gone with which to look.
    """
    manner = Manner(on_progress, lambda _: None)
    with open_departure(repository, slug, "offboard --verify", asked_day, manner, machine) as departure:
        service, journal = departure.service, departure.journal
        if journal.stage is not Stage.ERASED:
            at = journal.stage.value if journal.stage is not None else "not begun"
            raise RefusedError(
                f"there is nothing to verify: the departure of {slug} is at {at}",
                "`--verify` comes after the erasure and before the end, while the old keys can still be tried.",
            )
        began = journal.read(Step.ERASURE_BEGAN, ErasureBegan)
        if machine is not None:
            checks = verify_machine_gone(service, machine, began)
        else:
            checks = verify_gone(service, service.secrets.get_control(slug, service.tenant.id), began)
        verified = Verified(tuple(checks))
        event = journal.note(Step.VERIFIED, verified, again=True)
        return Verification(slug, event.actor, event.actor in _erasers(journal), verified)


def _erasers(journal: Journal) -> set[str]:
    """Return who erased anything of a tenant."""
    steps = (Step.BUCKET_ERASED, Step.SECRET_DESTROYED, Step.USER_DELETED)
    return {entry.event.actor for step in steps for entry in journal.steps(step)}
