"""The chain of the records: each link covers what was recorded and the link before it. Pure.

What a link covers is digested with a salt of its own. Once an event is trimmed its salt goes with it: the digest that
stays holds the chain together, and nobody can find out by guessing what it stood for.
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
"""In the details of an event that says what was trimmed, since there is a chain: it accounts for links without salt."""

_START = "coffre-records-chain"
_SALT_BYTES = 16


class Row(Protocol):
    """A row of a table, by the names of its columns."""

    def __getitem__(self, name: str, /) -> Any: ...


class Subject(StrEnum):
    """What a link is about. The values are in the database for ever: never rename one."""

    EVENT = "event"
    RUN = "run"
    RUN_END = "run_end"
    USAGE_DAY = "usage_day"
    MEMORY = "memory"


@dataclass(frozen=True)
class Content:
    """What a link is to cover.

    ``subject_id`` is the row's own, None of a day of usage and of what is remembered of a machine: ``kind`` is that
    day, or machine. ``tenant_id`` and ``kind`` stay readable in the link after an event is trimmed, so that what was
    trimmed can be counted.
    """

    subject: Subject
    subject_id: int | None
    tenant_id: str | None
    kind: str | None
    values: Sequence[object]


@dataclass(frozen=True)
class Link:
    """One link. ``position`` counts from 1 without a gap; ``salt`` is None once what it covers was trimmed."""

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
    """Where a database's chain ends; ``hash`` is the newest link's, or with none the one that the first begins from."""

    database_id: str
    position: int
    hash: str


def new_tip() -> Tip:
    """Return the tip of a new chain, which no other database shares."""
    database_id = secrets.token_hex(_SALT_BYTES)
    return Tip(database_id, 0, first_hash(database_id))


def first_hash(database_id: str) -> str:
    """Return what the first link of a database follows from."""
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
    """Return the salted digest of what a link covers."""
    text = write_canonical(
        [content.subject.value, content.subject_id, content.tenant_id, content.kind, *content.values]
    )
    return hmac.new(salt.encode(), text.encode(), hashlib.sha256).hexdigest()


def link_hash(previous: str, link: Link) -> str:
    """Return the hash that a link has after the one with the hash ``previous``."""
    return _sha256(
        [previous, link.form, link.position, link.subject, link.subject_id, link.tenant_id, link.kind, link.content]
    )


def event_content(row: Row) -> Content:
    """Return what the link of an event covers: all of its columns."""
    names = ("slug", "at", "actor", "commit", "machine", "details")
    return Content(
        Subject.EVENT,
        _number(row["id"]),
        str(row["tenant_id"]),
        str(row["kind"]),
        [row[name] for name in names],
    )


def run_content(row: Row) -> Content:
    """Return what the first link of a run covers: who started what, and when."""
    names = ("command", "tenants", "started_at", "actor", "commit")
    return Content(Subject.RUN, _number(row["id"]), None, None, [row[name] for name in names])


def run_end_content(row: Row) -> Content:
    """Return what the second link of a run covers: how it ended."""
    return Content(Subject.RUN_END, _number(row["id"]), None, None, [row["finished_at"], row["outcome"]])


def usage_day_content(tenant_id: str, day: date, rows: Iterable[Row]) -> Content:
    """Return what the link of a closed day of usage covers: a tenant's machines in the order of their names."""
    names = ("machine", "current_bytes", "stored_bytes", "measured_at")
    measured = sorted(([row[name] for name in names] for row in rows), key=lambda each: str(each[0]))
    return Content(Subject.USAGE_DAY, None, tenant_id, day.isoformat(), measured)


def memory_content(
    tenant_id: str,
    machine: str,
    marks: Mapping[str, object],
    snapshots: Iterable[Mapping[str, object]],
    boots: Iterable[Mapping[str, object]],
) -> Content:
    """Return what the link of a change of memory covers: all that is remembered of a machine from then on.

    What is None is left out, so that a column that comes later changes no link of before.
    """
    known = sorted((_without_none(each) for each in snapshots), key=lambda each: str(each["snapshot_id"]))
    starts = sorted((_without_none(each) for each in boots), key=lambda each: str(each["key"]))
    return Content(Subject.MEMORY, None, tenant_id, machine, [_without_none(marks), known, starts])


def _without_none(values: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}


def _number(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError("the id of a row is no number")
    return value


def _sha256(values: Sequence[object]) -> str:
    return hashlib.sha256(write_canonical(values).encode()).hexdigest()
