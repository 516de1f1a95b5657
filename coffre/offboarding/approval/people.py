"""The people of a departure: their signed acts, checked with the trusted keys of the repository.

A name without a signature is only declared: it may exclude a person, but it never proves anything.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from coffre.errors import RefusedError
from coffre.offboarding.lifecycle.evidence import Approved, Signed, Step
from coffre.offboarding.lifecycle.journal import Journal, JournalLine, digest_journal
from coffre.signing import ssh
from coffre.signing.history import KeyHolder, Known, Trust, read_trust
from coffre.signing.objects import find_git_location, open_objects
from coffre.signing.signers import FILE_NAME
from coffre.signing.ssh import read_signature
from coffre.signing.statements import (
    NAMESPACE,
    PLATFORM_NAMESPACE,
    Act,
    Statement,
    new_nonce,
    read_statement,
    sign_statement,
)
from coffre.spec.loader import Checkout
from coffre.spec.platform import Identities, Proof
from coffre.tenant.embedded import EmbeddedProof
from coffre.workspace.clock import utc_now

_SETTINGS = {Act.APPROVE: "approval", Act.ERASE: "erasure", Act.VERIFY: "verification"}
_DOES = {Act.APPROVE: "approves", Act.ERASE: "erases", Act.VERIFY: "verifies"}


@dataclass(frozen=True)
class Acted:
    """One act that a signature proves, with its entry in the journal. ``name`` is the person's address.

    ``identity`` is the signer's: when a git host's pipeline signed, it signs for a person that the host knows.
    """

    statement: Statement
    identity: KeyHolder
    entry: JournalLine
    signed: Signed

    @property
    def is_vouched(self) -> bool:
        """Whether a git host's pipeline signed for the person."""
        return self.signed.namespace == PLATFORM_NAMESPACE

    @property
    def name(self) -> str:
        return self.statement.person


class People:
    """The acts of a departure with their people, as far as they are proved."""

    def __init__(self, checkout: Checkout, embedded: EmbeddedProof, journal: Journal) -> None:
        self._checkout, self._embedded, self._journal = checkout, embedded, journal

    @cached_property
    def trust(self) -> Trust:
        """The trusted keys, from the history of this checkout; none outside git."""
        root = self._checkout.root
        place = find_git_location(root)
        if place is None:
            return Trust((), {}, (), ())
        with open_objects(root) as objects:
            trust = read_trust(objects, place, utc_now())
        _refuse_other_history(self._journal, trust)
        return trust

    def is_needed(self, act: Act) -> bool:
        """Tell whether platform.yaml requires proof for an act; by default yes, except on the embedded platform."""
        identities: Identities | None = self._checkout.settings.offboarding.identities
        if identities is None:
            return not self._embedded.is_proved
        return bool(getattr(identities, _SETTINGS[act]) is Proof.PROVED)

    def prove(self, act: Act, subject: str, key: Path | None, on_behalf_of: str | None = None) -> Acted | None:
        """Sign an act and write it into the journal; the next entries belong to it.

        ``subject`` is the SHA-256 of the act's subject. None without a key where a name is enough; RefusedError where
        it is not, and for an untrusted key.
        """
        if key is None:
            if self.is_needed(act):
                raise RefusedError(
                    f"a person who {_DOES[act]} must sign: a typed name is not enough",
                    f"Give --key FILE, your own key that {FILE_NAME} lists (or name it in COFFRE_SIGNING_KEY).",
                )
            return None
        signed, statement = self._sign(act, subject, key, on_behalf_of)
        self._journal.sign_as(statement.person, statement.nonce)
        self._journal.note(Step.SIGNED, signed, again=True)
        (acted,) = [each for each in self.list_acts(act) if each.statement.nonce == statement.nonce]
        return acted

    def list_acts(self, act: Act) -> list[Acted]:
        """Return the proved acts of a kind, oldest first; each statement is used once, at its own place."""
        found: dict[str, Acted] = {}
        entries = self._journal.entries()
        for place, entry in enumerate(entries):
            if entry.step is Step.SIGNED and entry.evidence.get("act") == act.value:
                acted = self._read(entry, entries[:place])
                if acted is not None and acted.statement.act is act:
                    found.setdefault(acted.statement.nonce, acted)
        return list(found.values())

    def identify(self, key: Path) -> KeyHolder:
        """Return the identity of a key; RefusedError for an untrusted one."""
        holder = self.trust.now.find_holder(ssh.read_fingerprint(key))
        if holder is None:
            raise _unknown(key)
        return holder

    def is_one(self, name: str, other: str) -> bool:
        """Tell whether two addresses belong to one person."""
        return self.trust.now.find_person(name) == self.trust.now.find_person(other)

    def is_two_people(self, one: Acted, other: Acted) -> bool:
        """Tell whether two different people did two acts."""
        known = self.trust.now
        if self.is_one(one.name, other.name):
            return False
        # One pipeline signs for everybody whom its git host knows.
        return (one.is_vouched and other.is_vouched) or known.is_two_people(one.identity, other.identity)

    def _sign(self, act: Act, subject: str, key: Path, on_behalf_of: str | None) -> tuple[Signed, Statement]:
        namespace = NAMESPACE if on_behalf_of is None else PLATFORM_NAMESPACE
        statement = Statement(
            act=act,
            tenant=self._journal.tenant_id,
            machine=self._journal.machine,
            departure=self._journal.departure,
            subject=subject,
            head=digest_journal(self._journal.entries()),
            day=self._journal.today,
            person=on_behalf_of or self.identify(key).name,
            nonce=new_nonce(),
        )
        signed = Signed(act.value, statement.text, sign_statement(statement, key, namespace), namespace)
        if _identify(signed, statement, self.trust.now, utc_now()) is None:
            raise _unknown(key)
        return signed, statement

    def _read(self, entry: JournalLine, before: Sequence[JournalLine]) -> Acted | None:
        """Return a signed entry's proof: a statement for this departure, day and journal, by a key trusted then."""
        details = entry.evidence
        signed = Signed(*(str(details.get(name, "")) for name in ("act", "statement", "signature", "namespace")))
        statement = read_statement(signed.statement)
        if statement is None:
            return None
        is_here = (
            statement.tenant == self._journal.tenant_id
            and statement.machine == self._journal.machine
            and statement.departure == self._journal.departure
            and statement.day == entry.on
            and statement.head == digest_journal(before)
        )
        if not is_here:
            return None
        at = entry.event.at
        identity = _identify(signed, statement, self.trust.known_at(at), at)
        return None if identity is None else Acted(statement, identity, entry, signed)


def _identify(signed: Signed, statement: Statement, known: Known, at: datetime) -> KeyHolder | None:
    """Return the signer of a statement, if that person may make it."""
    if signed.namespace not in (NAMESPACE, PLATFORM_NAMESPACE):
        return None
    found = known.find(signed.statement.encode(), read_signature(signed.signature), signed.namespace, at)
    if found is None:
        return None
    if signed.namespace == PLATFORM_NAMESPACE:
        return found if PLATFORM_NAMESPACE in found.namespaces else None
    return found if known.find_person(statement.person) == found.person else None


def _refuse_other_history(journal: Journal, trust: Trust) -> None:
    """Refuse another history than the one of the approval: it begins with other keys."""
    approved = journal.find(Step.APPROVED, Approved)
    if approved is None or not approved.is_proved:
        return
    changes = {commit.id for commit, _ in trust.changes}
    if approved.signers_from != trust.began_at or approved.signers_at not in changes:
        raise RefusedError(
            f"this checkout's history of {FILE_NAME} differs from the one of the departure's approval "
            f"(commit {approved.signers_at[:12]})",
            "Use the branch that everybody uses; if its history was rewritten, find out who did it.",
        )


def _unknown(key: Path) -> RefusedError:
    return RefusedError(
        f"the key {key} is not trusted here",
        f"Its line must be in {FILE_NAME} on this branch, added by people with trusted keys; `coffre signers` "
        "shows them.",
    )


def digest(value: object) -> str:
    """Return the SHA-256 of a plain value as JSON, for the subject of a statement."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
