"""offboard --approve: somebody else than the author of a departure signs it, as the branch has it."""

from dataclasses import dataclass
from datetime import date

from coffre.errors import RefusedError
from coffre.offboarding.approval.approval import Approver, digest_block, file_of, judge_approval, read_block
from coffre.offboarding.lifecycle.due import get_leaving
from coffre.offboarding.lifecycle.procedure import Manner, open_departure
from coffre.signing.statements import Act
from coffre.spec.loader import Repository
from coffre.tenant.departure import BEFORE_ERASURE


@dataclass(frozen=True)
class Approval:
    """Who approved, by which key, and the SHA-256 of the block that it is about."""

    tenant: str
    name: str
    fingerprint: str
    block_sha256: str


def approve(repository: Repository, slug: str, asked_day: date | None, manner: Manner) -> Approval:
    """Sign for the `leaving:` block as it is committed. RefusedError without a key that counts, and for its author."""
    with open_departure(repository, slug, "offboard --approve", asked_day, manner) as departure:
        service, people = departure.service, departure.people
        leaving = get_leaving(service)
        if departure.journal.stage is not None and departure.journal.stage not in BEFORE_ERASURE:
            raise RefusedError(f"the data of {slug} is erased: there is nothing to approve any more")
        if manner.key is None:
            raise RefusedError("an approval is a signature", "Give --key FILE, your own OpenSSH key.")
        identity = people.identify(manner.key)
        person = manner.on_behalf_of or identity.name
        if not people.is_one(person, leaving.approved_by):
            raise RefusedError(
                f"tenants/{slug}.yaml says that {leaving.approved_by} approves, and this is the key of {person}",
                "The one whom approved_by names signs, with a key of their own.",
            )
        written = read_block(service, people)
        judge_approval(file_of(service), leaving, written, [Approver(person, identity)], people.trust.now)
        acted = departure.prove(Act.APPROVE, subject := digest_block(written))
        assert acted is not None  # noqa: S101 - a key was given
        return Approval(slug, acted.name, acted.identity.fingerprint, subject)
