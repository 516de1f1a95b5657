"""Whether a departure was approved by somebody else than who wrote it: by signatures, or by names where that is enough.

Who wrote it signed the commits. Who approves it signs the merge that brings the block as it stands, or a statement
(`coffre offboard TENANT --approve`).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from coffre.errors import RefusedError
from coffre.offboarding.approval.people import Acted, People
from coffre.offboarding.lifecycle.evidence import Approved
from coffre.signing.authors import Authorship, Hand, read_authorship
from coffre.signing.history import Identity, Known
from coffre.signing.objects import find_place, open_objects
from coffre.signing.signers import FILE_NAME, person_of
from coffre.signing.statements import Act
from coffre.spec.files import TENANTS_FOLDER
from coffre.spec.leaving import Leaving
from coffre.spec.parsing.documents import find_block
from coffre.tenant.service import Service
from coffre.workspace.clock import utc_now

_KEY = "leaving"


@dataclass(frozen=True)
class Approver:
    """Somebody who approved by a signature: the address that they go by, and the key."""

    name: str
    identity: Identity


def get_approval(service: Service, people: People) -> Approved:
    """Return the departure's approval as git and the journal have it; RefusedError when there is none that counts."""
    leaving = service.tenant.leaving
    assert leaving is not None  # noqa: S101 - asked of tenants that leave only
    file = file_of(service)
    written = read_block(service, people)
    subject = digest_block(written)
    approvers = [Approver(each.identity.name, each.identity) for each in written.mergers if each.identity is not None]
    approvers += [_approver(each) for each in people.list_acts(Act.APPROVE) if each.statement.subject == subject]
    approved = judge_approval(file, leaving, written, approvers, people.trust.now)
    if not approved.is_proved and people.is_needed(Act.APPROVE):
        raise _not_proved(service, file, leaving, written)
    trust = people.trust
    return _with_signers(approved, trust.began_at, trust.changed_at) if approved.is_proved else approved


def read_block(service: Service, people: People) -> Authorship:
    """Return the `leaving:` block as the branch has it, and who wrote it; RefusedError when it is not committed so."""
    root, file = service.repository.root, file_of(service)
    place = find_place(root)
    written = None
    if place is not None:
        with open_objects(root) as objects:
            path = f"{place.folder}{file}"
            written = read_authorship(objects, people.trust, path, lambda content: _block_of(content, file), utc_now())
    if written is None:
        raise RefusedError(
            f"{file} is in no git history with its `leaving:` block, so nobody can tell who asked for the departure",
            "Commit it through a pull request, then run the same command again.",
        )
    if _block_of((root / file).read_bytes(), file) != written.text:
        raise RefusedError(
            f"the `leaving:` block of {file} is not committed as it stands here",
            "A departure begins from a commit, approved by somebody else than its author: commit it first.",
        )
    return written


def digest_block(written: Authorship) -> str:
    """Return the SHA-256 of the block, which an approval is about. Pure."""
    return hashlib.sha256(written.text.encode()).hexdigest()


def judge_approval(
    file: str, leaving: Leaving, written: Authorship, approvers: Sequence[Approver], known: Known
) -> Approved:
    """Hold who wrote the block against who approved it; RefusedError when that is one person. Pure."""
    approver = known.find_person(leaving.approved_by)
    if any(_is_by(hand, leaving.approved_by, known) for hand in written.writers):
        raise RefusedError(
            f"{leaving.approved_by} approved the departure in {file} and wrote it too",
            "Somebody else has to approve it: put that person's address into approved_by, by their own word.",
        )
    proved = next((each for each in approvers if known.find_person(each.name) == approver), None)
    hands = [hand.identity for hand in written.writers]
    authors = [identity for identity in hands if identity is not None]
    is_proved = proved is not None and len(authors) == len(hands) and _is_other(proved, authors, known)
    if proved is not None and not _is_other(proved, authors, known):
        raise RefusedError(
            f"the key that approved the departure in {file} is not another person's than the author's",
            f"A key that one person alone brought into {FILE_NAME} never makes two with that person: somebody else "
            "approves, or a second person brings the key.",
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


def _is_other(approver: Approver, authors: Sequence[Identity], known: Known) -> bool:
    return all(
        not known.is_same_person(author, approver.name) and known.is_two_people(author, approver.identity)
        for author in authors
    )


def _is_by(hand: Hand, address: str, known: Known) -> bool:
    """Tell whether a commit is of somebody's, by any of its names or by its key."""
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


def _not_proved(service: Service, file: str, leaving: Leaving, written: Authorship) -> RefusedError:
    unsigned = [hand for hand in written.writers if hand.identity is None]
    if unsigned:
        return RefusedError(
            f"no key that counts signed commit {unsigned[0].commit.id[:12]}, which wrote the block of {file}",
            f"Its author commits it signed (`git commit -S`, gpg.format ssh) with a key that {FILE_NAME} lists; "
            "`coffre signers` shows whose keys count.",
        )
    return RefusedError(
        f"{leaving.approved_by} has not signed the approval of the departure in {file}",
        f"That person runs `coffre offboard {service.tenant.slug} --approve --key FILE`, or merges the pull request by "
        "a signed merge commit.",
    )


def file_of(service: Service) -> str:
    """Return the tenant's file, relative to the root."""
    return f"{TENANTS_FOLDER}/{service.tenant.slug}.yaml"


def _block_of(content: bytes, file: str) -> str | None:
    return find_block(content, file, _KEY)
