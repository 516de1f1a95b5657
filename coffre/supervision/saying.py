"""What a person says about a finding: acknowledged, silenced until a day, or under the number of a ticket; recorded."""

from dataclasses import replace
from datetime import datetime

from coffre.errors import RefusedError, UsageError
from coffre.records.actor import Author
from coffre.records.database.store import Records
from coffre.records.database.supervision import Noted
from coffre.records.events import Event
from coffre.records.facts.registry import kind_of, write_fact
from coffre.records.facts.supervision import FindingWord, Word
from coffre.records.kept_findings import KeptFinding


def acknowledge(records: Records, number: int, reason: str, author: Author, now: datetime) -> KeptFinding:
    """Note that somebody takes care of a finding: nobody is told of it again until it ends."""
    finding = _find_open(records, number)
    said = replace(finding, acknowledged_at=now, acknowledged_by=author.actor)
    return _write(records, said, FindingWord(number, finding.place.kind, Word.ACKNOWLEDGED, reason), author, now)


def silence(records: Records, number: int, until: datetime, reason: str, author: Author, now: datetime) -> KeptFinding:
    """Note that nobody is told of a finding before a time; UsageError for one that is past."""
    if until <= now:
        raise UsageError(f"{until:%Y-%m-%d} is not in the future", "Name the first day on which it is told again.")
    finding = _find_open(records, number)
    said = replace(finding, silenced_until=until)
    return _write(records, said, FindingWord(number, finding.place.kind, Word.SILENCED, reason, until), author, now)


def give_ticket(records: Records, number: int, ticket: str, author: Author, now: datetime) -> KeptFinding:
    """Note the number of the ticket about a finding."""
    finding = _find_open(records, number)
    said = replace(finding, ticket=ticket)
    return _write(records, said, FindingWord(number, finding.place.kind, Word.TICKET, ticket=ticket), author, now)


def _find_open(records: Records, number: int) -> KeptFinding:
    found = records.supervision.find_finding(number)
    if found is None:
        raise UsageError(f"there is no finding {number}", "`coffre findings list` shows their numbers.")
    if not found.is_open:
        raise RefusedError(
            f"finding {number} ended at {found.closed_at:%Y-%m-%d %H:%M} UTC",
            "Nothing is left to say about it. If it is back, it has another number: `coffre findings list`.",
        )
    return found


def _write(records: Records, said: KeptFinding, fact: FindingWord, author: Author, now: datetime) -> KeptFinding:
    event = Event(
        tenant_id=said.place.tenant_id,
        slug=said.slug,
        kind=kind_of(type(fact)),
        at=now,
        actor=author.actor,
        commit=author.commit,
        machine=said.place.machine or None,
        details=write_fact(fact),
    )
    records.supervision.note([Noted(said.place.tenant_id, said.seen_at, {}, [said], (), [event])])
    return said
