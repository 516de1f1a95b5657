"""Mails to customers from the outbox, with the proof that each left."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from coffre.correspondence import smtp
from coffre.errors import ExpectedError
from coffre.findings import FindingKind
from coffre.outside.text import one_line
from coffre.records.actor import Author
from coffre.records.database.store import Records
from coffre.records.database.supervision import WHOLE_TENANT
from coffre.records.events import Event
from coffre.records.facts.mail import MessageSent
from coffre.records.facts.registry import kind_of, write_fact
from coffre.records.kept_findings import KeptFinding
from coffre.records.messages import ERROR_LENGTH, Message, MessageKind, Outcome, Proof
from coffre.spec.platform import PlatformFile
from coffre.spec.tenant import Tenant
from coffre.supervision.observe.seen import recall_tenant
from coffre.supervision.telling.customer import Letter, Situation, choose_letters, write_letter
from coffre.supervision.telling.planning import is_for_customer, read_finding, wants_quota_mails
from coffre.supervision.telling.rules import LONGEST_PAUSE, pause_after

NO_MAIL = "platform.yaml names no mail server"


@dataclass(frozen=True)
class Post:
    """What the mails to customers need; ``settings`` are those of the folder's platform.yaml."""

    records: Records
    root: Path
    settings: PlatformFile
    author: Author

    def drop_unwanted(self, due: Sequence[Message], tenant: Tenant, now: datetime) -> list[Message]:
        """Settle the messages that the tenant no longer wants, and return the others."""
        unwanted = [each for each in due if each.kind is MessageKind.FINDING and not wants_quota_mails(tenant)]
        self.records.messages.settle(_ids(unwanted), Outcome.NO_RECIPIENT, now)
        return [each for each in due if each not in unwanted]

    def send(self, due: Sequence[Message], tenant: Tenant, findings: Collection[KeptFinding], now: datetime) -> int:
        """Send what one customer is told now; returns how many mails left.

        ExpectedError when one was not taken: it and those after it wait.
        """
        store, sent = self.records.messages, 0
        if self.settings.mail is None:
            store.fail(_ids(due), NO_MAIL, now + LONGEST_PAUSE)
            raise ExpectedError(NO_MAIL, "Add `mail:` with its host and sender.")
        situation = self._look(tenant, findings)
        for letter in choose_letters(due):
            covered = [letter.lead, *letter.others]
            mail = write_letter(letter, tenant, self.settings, situation, now)
            again_at = now + pause_after(letter.lead.attempts + 1)
            store.begin_attempt(_ids(covered), now, again_at)
            try:
                accepted = smtp.hand_over(self.settings.mail, self.root, mail, letter.lead.token)
            except smtp.UncertainError:
                raise  # the result stays unknown, as after a kill
            except ExpectedError as problem:
                store.fail(_ids(covered), one_line(problem.message, ERROR_LENGTH), again_at)
                raise
            self._prove(letter, tenant, mail.to, accepted, now)
            sent += 1
        return sent

    def _prove(self, letter: Letter, tenant: Tenant, to: str, accepted: smtp.Accepted, now: datetime) -> None:
        """Record that a mail left, all at once: the row, the mail itself, and the event in the chain."""
        lead, store = letter.lead, self.records.messages
        answer = one_line(accepted.answer, ERROR_LENGTH)
        sha256 = hashlib.sha256(accepted.content).hexdigest()
        proof = Proof(to, accepted.message_id, answer, sha256)
        fact = MessageSent(
            message=lead.id or 0,
            subject=_subject(lead),
            told=lead.told.value,
            to=to,
            message_id=accepted.message_id,
            answer=answer,
            sha256=sha256,
            attempts=lead.attempts + 1,
        )
        event = Event(
            tenant_id=tenant.id,
            slug=tenant.slug,
            kind=kind_of(MessageSent),
            at=now,
            actor=self.author.actor,
            commit=self.author.commit,
            details=write_fact(fact),
        )
        document = accepted.content.decode("utf-8", "backslashreplace")
        store.settle(_ids([lead]), Outcome.SENT, now, proof=proof, document=document, events=[event])
        store.settle(_ids(letter.others), Outcome.GATHERED, now)

    def _look(self, tenant: Tenant, findings: Collection[KeptFinding]) -> Situation:
        watched = self.records.supervision.read_watched(tenant.id).get(tenant.id, {})
        seen = recall_tenant(watched.get(WHOLE_TENANT))
        last = None if seen is None else seen.use
        mine = [each for each in findings if each.place.tenant_id == tenant.id and each.is_open]
        return Situation(
            None if last is None else last.current_bytes,
            None if last is None else last.at,
            frozenset(FindingKind(each.place.kind) for each in mine if is_for_customer(each)),
        )


def by_tenant(messages: Sequence[Message]) -> Mapping[str, list[Message]]:
    """Return messages by the slug of their tenant."""
    found: dict[str, list[Message]] = {}
    for each in messages:
        found.setdefault(each.slug, []).append(each)
    return found


def _subject(message: Message) -> str:
    """Return what a message is about: the kind of its finding, or its own."""
    return read_finding(message).place.kind if message.kind is MessageKind.FINDING else message.kind.value


def _ids(messages: Sequence[Message]) -> list[int]:
    return [each.id for each in messages if each.id is not None]
