"""The people of a departure for its certificate: proved by a signature, or declared by a name."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from coffre.offboarding.approval.people import Acted, People
from coffre.offboarding.approval.second_person import ERASING, digest_verification, is_another_person
from coffre.offboarding.certificate.model import Person, Role
from coffre.offboarding.lifecycle.evidence import Approved, Step
from coffre.offboarding.lifecycle.journal import Journal, JournalLine
from coffre.signing.statements import Act


@dataclass(frozen=True)
class Who:
    """The proof by signatures: the acts by the nonce of their statement, and whether another person verified."""

    acts: Mapping[str, Acted] = field(default_factory=dict)
    is_verified_by_another: bool = False

    def find(self, entry: JournalLine) -> Acted | None:
        """Return the signed act of an entry: signed before it, by the person whom it names."""
        acted = self.acts.get(str(entry.by))
        if acted is None or (acted.entry.event.id or 0) > (entry.event.id or 0) or acted.name != entry.event.actor:
            return None
        return acted

    def is_proved(self, entry: JournalLine) -> bool:
        return self.find(entry) is not None


def read_who(people: People, journal: Journal) -> Who:
    """Return the proof by signatures of a departure."""
    acts = {acted.statement.nonce: acted for act in Act for acted in people.list_acts(act)}
    who = Who(acts)
    looks = journal.steps(Step.VERIFIED)
    verifier = who.find(looks[-1]) if looks else None
    is_by_another = (
        verifier is not None
        and verifier.statement.act is Act.VERIFY
        and verifier.statement.subject == digest_verification(journal, looks[-1].event.details)
        and is_another_person(people, journal, verifier)
    )
    return Who(acts, is_by_another)


def list_people(entries: Sequence[JournalLine], who: Who) -> list[Person]:
    """Return everybody who wrote, approved, erased or verified, once per role. Pure."""
    found = [*_approving(entries), *_erasing(entries, who), *_verifying(entries, who)]
    return list(dict.fromkeys(found))


def _approving(entries: Sequence[JournalLine]) -> Iterator[Person]:
    steps = [entry for entry in entries if entry.step is Step.APPROVED]
    if not steps:
        return
    approved = steps[-1].read(Approved)
    keys = approved.author_keys if len(approved.author_keys) == len(approved.authors) == 1 else ()
    for name in approved.authors:
        yield Person(Role.WROTE, name, approved.is_proved, keys[0] if keys else "")
    yield Person(Role.APPROVED, approved.approved_by, approved.is_proved, approved.approver_key)


def _erasing(entries: Sequence[JournalLine], who: Who) -> Iterator[Person]:
    for entry in entries:
        if entry.step in ERASING and not _is_after_verification(entries, entry):
            yield _person(Role.ERASED, entry, who, Act.ERASE)


def _verifying(entries: Sequence[JournalLine], who: Who) -> Iterator[Person]:
    looks = [entry for entry in entries if entry.step is Step.VERIFIED]
    if looks:
        yield _person(Role.VERIFIED, looks[-1], who, Act.VERIFY)


def _person(role: Role, entry: JournalLine, who: Who, act: Act) -> Person:
    acted = who.find(entry)
    if acted is None or acted.statement.act is not act:
        return Person(role, entry.event.actor)
    return Person(role, acted.name, True, acted.identity.fingerprint, acted.statement.text, acted.signed.signature)


def _is_after_verification(entries: Sequence[JournalLine], entry: JournalLine) -> bool:
    """Tell whether an entry is from the end: deletions after the verification are not part of it."""
    looks = [each.event.id or 0 for each in entries if each.step is Step.VERIFIED]
    return bool(looks) and (entry.event.id or 0) > looks[-1]
