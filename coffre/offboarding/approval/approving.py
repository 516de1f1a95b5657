"""offboard --approve: another person than the author signs the departure that the branch declares."""

from dataclasses import dataclass
from datetime import date

from coffre.errors import RefusedError
from coffre.offboarding.approval.approval import Approver, digest_block, file_of, judge_approval, read_block
from coffre.offboarding.lifecycle.due import get_leaving
from coffre.offboarding.lifecycle.procedure import Manner, open_departure
from coffre.signing.statements import Act
from coffre.spec.loader import Checkout
from coffre.tenant.departure import BEFORE_ERASURE


@dataclass(frozen=True)
class Approval:
    """The approver, the key, and the SHA-256 of the approved block."""

    tenant: str
    name: str
    fingerprint: str
    block_sha256: str


def approve(checkout: Checkout, slug: str, asked_day: date | None, manner: Manner) -> Approval:
    """Sign the committed `leaving:` block. RefusedError without a trusted key, and for its author."""
    with open_departure(checkout, slug, "offboard --approve", asked_day, manner) as departure:
        opened, people = departure.opened, departure.people
        leaving = get_leaving(opened.tenant)
        if departure.journal.stage is not None and departure.journal.stage not in BEFORE_ERASURE:
            raise RefusedError(f"the data of {slug} is already erased: an approval is no longer possible")
        if manner.key is None:
            raise RefusedError("an approval needs a signature", "Give --key FILE, your own OpenSSH key.")
        identity = people.identify(manner.key)
        person = manner.on_behalf_of or identity.name
        if not people.is_one(person, leaving.approved_by):
            raise RefusedError(
                f"tenants/{slug}.yaml names {leaving.approved_by} as approver, but this is the key of {person}",
                "The person in approved_by must sign, with their own key.",
            )
        written = read_block(opened.tenant, opened.checkout, people)
        judge_approval(file_of(opened.tenant), leaving, written, [Approver(person, identity)], people.trust.now)
        acted = departure.prove(Act.APPROVE, subject := digest_block(written))
        assert acted is not None  # noqa: S101 - a key was given
        return Approval(slug, acted.name, acted.identity.fingerprint, subject)
