"""The chain of the records: each link covers a record and the link before it. Pure.

A link contains the digest of its record, with its own salt. When an event is deleted, its salt is deleted too: the
remaining digest keeps the chain complete, and nobody can guess the content of the event.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Protocol

from coffre.records.chain.canonical import FORM, write_canonical

ACCOUNTS_FOR_LINKS = "links"
"""In the details of an event about deleted events, since the chain exists: it accounts for links without salt."""

_START = "coffre-records-chain"
_SALT_BYTES = 16


class Row(Protocol):
    """A row of a table, by the names of its columns."""

    def __getitem__(self, name: str, /) -> Any: ...


class LinkSubject(StrEnum):
    """The subject of a link. The database keeps the values for ever: never rename one."""

    EVENT = "event"
    RUN = "run"
    RUN_END = "run_end"
    USAGE_DAY = "usage_day"
    MEMORY = "memory"


@dataclass(frozen=True)
class Content:
    """The content of a link.

    ``subject_id`` is the row's id; None for a day of usage and for a machine's memory, where ``kind`` is that day or
    machine. ``tenant_id`` and ``kind`` stay readable in the link after an event is deleted, so that deleted events can
    trimmed can be counted.
    """

    subject: LinkSubject
    subject_id: int | None
    tenant_id: str | None
    kind: str | None
    values: Sequence[object]


@dataclass(frozen=True)
class Link:
    """One link. ``position`` counts from 1 without a gap; ``salt`` is None once its record was deleted."""

    position: int
    form: int
    subject: str
    subject_id: int | None
    tenant_id: str | None
    kind: str | None
    salt: str | None
    content: str
    hash: str


@dataclass(frozen=True)
class Tip:
    """The end of a database's chain; ``hash`` is the newest link's, or the start value when there is no link."""

    database_id: str
    position: int
    hash: str


def new_tip() -> Tip:
    """Return the tip of a new chain, unique for this database."""
    database_id = secrets.token_hex(_SALT_BYTES)
    return Tip(database_id, 0, first_hash(database_id))


def first_hash(database_id: str) -> str:
    """Return the start value of a database's first link."""
    return _sha256([_START, database_id])


def make_link(tip: Tip, content: Content) -> Link:
    """Return the next link after a tip."""
    salt = secrets.token_hex(_SALT_BYTES)
    digest = digest_content(salt, content)
    link = Link(
        position=tip.position + 1,
        form=FORM,
        subject=content.subject.value,
        subject_id=content.subject_id,
        tenant_id=content.tenant_id,
        kind=content.kind,
        salt=salt,
        content=digest,
        hash="",
    )
    return Link(**{**vars(link), "hash": link_hash(tip.hash, link)})


def digest_content(salt: str, content: Content) -> str:
    """Return the salted digest of a link's content."""
    text = write_canonical(
        [content.subject.value, content.subject_id, content.tenant_id, content.kind, *content.values]
    )
    return hmac.new(salt.encode(), text.encode(), hashlib.sha256).hexdigest()


def link_hash(previous: str, link: Link) -> str:
    """Return the hash of a link after the one with the hash ``previous``."""
    return _sha256(
        [previous, link.form, link.position, link.subject, link.subject_id, link.tenant_id, link.kind, link.content]
    )


def event_content(row: Row) -> Content:
    """Return the content of an event's link: all its columns."""
    names = ("slug", "at", "actor", "commit", "machine", "details")
    return Content(
        LinkSubject.EVENT,
        _number(row["id"]),
        str(row["tenant_id"]),
        str(row["kind"]),
        [row[name] for name in names],
    )


def run_content(row: Row) -> Content:
    """Return the content of a run's first link: the person, the command and the time."""
    names = ("command", "tenants", "started_at", "actor", "commit")
    return Content(LinkSubject.RUN, _number(row["id"]), None, None, [row[name] for name in names])


def run_end_content(row: Row) -> Content:
    """Return the content of a run's second link: its result."""
    return Content(LinkSubject.RUN_END, _number(row["id"]), None, None, [row["finished_at"], row["outcome"]])


def usage_day_content(tenant_id: str, day: date, rows: Iterable[Row]) -> Content:
    """Return the content of the link of a closed day of usage: a tenant's machines in the order of their names."""
    names = ("machine", "current_bytes", "stored_bytes", "measured_at")
    measured = sorted(([row[name] for name in names] for row in rows), key=lambda each: str(each[0]))
    return Content(LinkSubject.USAGE_DAY, None, tenant_id, day.isoformat(), measured)


def memory_content(
    tenant_id: str,
    machine: str,
    marks: Mapping[str, object],
    snapshots: Iterable[Mapping[str, object]],
    boots: Iterable[Mapping[str, object]],
) -> Content:
    """Return the content of the link of a changed memory: the complete new memory of a machine.

    Values of None are left out, so that a later column does not change older links.
    """
    known = sorted((_without_none(each) for each in snapshots), key=lambda each: str(each["snapshot_id"]))
    starts = sorted((_without_none(each) for each in boots), key=lambda each: str(each["key"]))
    return Content(LinkSubject.MEMORY, None, tenant_id, machine, [_without_none(marks), known, starts])


def _without_none(values: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}


def _number(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError("the id of a row is not a number")
    return value


def _sha256(values: Sequence[object]) -> str:
    return hashlib.sha256(write_canonical(values).encode()).hexdigest()
