"""Checks that another person than the author approved a departure: by signatures, or by names where this is enough.

The author signs the commits. The approver signs the merge of the unchanged block, or a statement (`coffre offboard
TENANT --approve`).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from coffre.errors import RefusedError
from coffre.offboarding.approval.people import Acted, People
from coffre.offboarding.lifecycle.evidence import Approved
from coffre.signing.authors import Authorship, Hand, read_authorship
from coffre.signing.history import KeyHolder, Known
from coffre.signing.objects import find_git_location, open_objects
from coffre.signing.signers import FILE_NAME, person_of
from coffre.signing.statements import Act
from coffre.spec.files import TENANTS_FOLDER
from coffre.spec.leaving import Leaving
from coffre.spec.loader import Checkout
from coffre.spec.parsing.documents import find_block
from coffre.spec.tenant import Tenant
from coffre.workspace.clock import utc_now

_KEY = "leaving"


@dataclass(frozen=True)
class Approver:
    """A person who approved by a signature: the address and the key."""

    name: str
    identity: KeyHolder


def get_approval(tenant: Tenant, checkout: Checkout, people: People) -> Approved:
    """Return the departure's approval from git and the journal; RefusedError without a valid one."""
    leaving = tenant.leaving
    assert leaving is not None  # noqa: S101 - asked of tenants that leave only
    file = file_of(tenant)
    written = read_block(tenant, checkout, people)
    subject = digest_block(written)
    approvers = [Approver(each.identity.name, each.identity) for each in written.mergers if each.identity is not None]
    approvers += [_approver(each) for each in people.list_acts(Act.APPROVE) if each.statement.subject == subject]
    approved = judge_approval(file, leaving, written, approvers, people.trust.now)
    if not approved.is_proved and people.is_needed(Act.APPROVE):
        raise _not_proved(tenant, file, leaving, written)
    trust = people.trust
    return _with_signers(approved, trust.began_at, trust.changed_at) if approved.is_proved else approved


def read_block(tenant: Tenant, checkout: Checkout, people: People) -> Authorship:
    """Return the `leaving:` block of the branch, and its authors; RefusedError when it is not committed as it is."""
    root, file = checkout.root, file_of(tenant)
    place = find_git_location(root)
    written = None
    if place is not None:
        with open_objects(root) as objects:
            path = f"{place.folder}{file}"
            written = read_authorship(objects, people.trust, path, lambda content: _block_of(content, file), utc_now())
    if written is None:
        raise RefusedError(
            f"the `leaving:` block of {file} is not in git, so it has no known author",
            "Commit it through a pull request, then run the same command again.",
        )
    if _block_of((root / file).read_bytes(), file) != written.text:
        raise RefusedError(
            f"the committed `leaving:` block of {file} differs from the one here",
            "A departure begins with a commit, approved by another person than its author: commit it first.",
        )
    return written


def digest_block(written: Authorship) -> str:
    """Return the SHA-256 of the block, the subject of an approval. Pure."""
    return hashlib.sha256(written.text.encode()).hexdigest()


def judge_approval(
    file: str, leaving: Leaving, written: Authorship, approvers: Sequence[Approver], known: Known
) -> Approved:
    """Compare the authors of the block with its approver; RefusedError when they are one person. Pure."""
    approver = known.find_person(leaving.approved_by)
    if any(_is_by(hand, leaving.approved_by, known) for hand in written.writers):
        raise RefusedError(
            f"{leaving.approved_by} wrote the departure in {file} and approved it too",
            "Another person must approve it: with their agreement, write their address into approved_by.",
        )
    proved = next((each for each in approvers if known.find_person(each.name) == approver), None)
    hands = [hand.identity for hand in written.writers]
    authors = [identity for identity in hands if identity is not None]
    is_proved = proved is not None and len(authors) == len(hands) and _is_other(proved, authors, known)
    if proved is not None and not _is_other(proved, authors, known):
        raise RefusedError(
            f"the key that approved the departure in {file} does not belong to another person than the author",
            f"A key that one person added alone to {FILE_NAME} counts as a key of that person: another person must "
            "approve, or a second person must add the key.",
        )
    newest = max(written.writers, key=lambda hand: hand.commit.committed_at)
    return Approved(
        commit=newest.commit.id,
        authors=tuple(sorted({_name(hand) for hand in written.writers})),
        approved_by=leaving.approved_by,
        requested_by=leaving.requested_by,
        choice=leaving.choice.value,
        notice_on=leaving.notice_on,
        ends_on=leaving.ends_on,
        block_sha256=digest_block(written),
        is_proved=is_proved,
        approver_key=proved.identity.fingerprint if proved is not None and is_proved else "",
        author_keys=tuple(sorted({each.fingerprint for each in authors})) if is_proved else (),
    )


def _is_other(approver: Approver, authors: Sequence[KeyHolder], known: Known) -> bool:
    return all(
        not known.is_same_person(author, approver.name) and known.is_two_people(author, approver.identity)
        for author in authors
    )


def _is_by(hand: Hand, address: str, known: Known) -> bool:
    """Tell whether a commit belongs to a person, by any of its names or by its key."""
    if hand.identity is not None and known.is_same_person(hand.identity, address):
        return True
    person = known.find_person(address)
    return any(person in (person_of(each), known.find_person(each)) for each in hand.addresses)


def _name(hand: Hand) -> str:
    return hand.identity.name if hand.identity is not None else hand.commit.author


def _approver(acted: Acted) -> Approver:
    return Approver(acted.name, acted.identity)


def _with_signers(approved: Approved, began_at: str | None, changed_at: str | None) -> Approved:
    return Approved(**{**vars(approved), "signers_from": began_at or "", "signers_at": changed_at or ""})


def _not_proved(tenant: Tenant, file: str, leaving: Leaving, written: Authorship) -> RefusedError:
    unsigned = [hand for hand in written.writers if hand.identity is None]
    if unsigned:
        return RefusedError(
            f"no trusted key signed commit {unsigned[0].commit.id[:12]}, which wrote the block of {file}",
            f"Its author must sign the commit (`git commit -S`, gpg.format ssh) with a key of {FILE_NAME}; "
            "`coffre signers` shows the trusted keys.",
        )
    return RefusedError(
        f"{leaving.approved_by} has not signed the approval of the departure in {file}",
        f"That person runs `coffre offboard {tenant.slug} --approve --key FILE`, or merges the pull request by "
        "a signed merge commit.",
    )


def file_of(tenant: Tenant) -> str:
    """Return the tenant's file, relative to the root."""
    return f"{TENANTS_FOLDER}/{tenant.slug}.yaml"


def _block_of(content: bytes, file: str) -> str | None:
    return find_block(content, file, _KEY)
