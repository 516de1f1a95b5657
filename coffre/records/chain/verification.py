"""Verifies the records with their chain: every link, its content, and rows without a link."""

import bisect
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum

import sqlalchemy as sa

from coffre.records.chain.canonical import FORM
from coffre.records.chain.closing import list_day
from coffre.records.chain.guards import find_missing_guards
from coffre.records.chain.linking import read_tip
from coffre.records.chain.links import (
    ACCOUNTS_FOR_LINKS,
    Content,
    Link,
    LinkSubject,
    Tip,
    digest_content,
    event_content,
    first_hash,
    link_hash,
    run_content,
    run_end_content,
    usage_day_content,
)
from coffre.records.database import tables
from coffre.records.events import EventKind
from coffre.records.memory import Memory, content_of, list_remembered, read_rows

SHOWN_FAULTS = 100
"""Further faults are only counted: in a recalculated chain every link is one."""
_BATCH = 1000

_UNREADABLE = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""The errors that a foreign value in a column can raise when it is read: SQLite accepts any value."""


class FaultKind(StrEnum):
    """The kind of fault of a record."""

    GAP = "gap"
    BROKEN = "broken"
    CHANGED = "changed"
    DELETED = "deleted"
    INSERTED = "inserted"
    CUT = "cut"
    GUARD = "guard"
    OPEN = "open"


@dataclass(frozen=True)
class ChainFault:
    """One place where the records were altered. Fields that the place does not have are None."""

    kind: FaultKind
    position: int | None = None
    subject: str | None = None
    subject_id: int | None = None
    tenant_id: str | None = None
    event_kind: str | None = None
    guard: str | None = None


@dataclass(frozen=True)
class ChainReport:
    """The result of a verification of the whole chain; ``hashes`` are those of the requested positions.

    ``faults`` begin with the first place; ``fault_count`` also counts those that are not listed.
    """

    tip: Tip
    events: int
    trimmed: int
    faults: tuple[ChainFault, ...]
    fault_count: int
    hashes: Mapping[int, str]


def verify_chain(connection: sa.Connection, asked: Collection[int], trimmable: Collection[EventKind]) -> ChainReport:
    """Verify every link in order; the connection shows one constant state of the database.

    ``trimmable`` are the kinds of events that may be deleted once their tenant has left.
    """
    tip = read_tip(connection)
    look = _Look(connection, frozenset(asked), frozenset(kind.value for kind in trimmable))
    faults: list[ChainFault] = []
    count = 0
    for fault in look.find_faults(tip):
        count += 1
        bisect.insort(faults, fault, key=lambda each: tip.position + 1 if each.position is None else each.position)
        del faults[SHOWN_FAULTS:]
    return ChainReport(tip, look.events, look.trimmed, tuple(faults), count, look.hashes)


@dataclass
class _Pending:
    """Links of one tenant and kind whose events were deleted, until an event accounts for them."""

    first: ChainFault
    count: int = 0


@dataclass
class _Look:
    connection: sa.Connection
    asked: frozenset[int]
    trimmable: frozenset[str]
    events: int = 0
    trimmed: int = 0
    hashes: dict[int, str] = field(default_factory=dict)
    _pending: dict[tuple[str, str], _Pending] = field(default_factory=dict)
    _left: set[str] = field(default_factory=set)
    _usage: dict[tuple[str, str], Link] = field(default_factory=dict)
    """The newest link of each closed day of usage; only this one is valid."""
    _memory: dict[tuple[str, str], Link] = field(default_factory=dict)
    """The same for the memory of each machine."""

    def find_faults(self, tip: Tip) -> Iterator[ChainFault]:
        position, previous = 0, first_hash(tip.database_id)
        self._note(position, previous)
        for row in _read_links(self.connection):
            link = Link(**{name: row[f"link_{name}"] for name in tables.chain.c.keys()})  # noqa: SIM118 (not a dict)
            if link.position != position + 1:
                yield ChainFault(FaultKind.GAP, position + 1)
            found = self._judge(link, row, previous)
            place = link.position if isinstance(link.position, int) else position + 1
            if found is not None:
                yield replace(_fault(found, link), position=place)
            position = place
            previous = link.hash
            self._note(position, previous)
        if (position, previous) != (tip.position, tip.hash):
            yield ChainFault(FaultKind.CUT, position + 1)
        yield from self._judge_usage()
        yield from self._judge_memory()
        for pending in self._pending.values():
            yield pending.first
        yield from _find_unlinked(self.connection)
        for guard in find_missing_guards(self.connection):
            yield ChainFault(FaultKind.GUARD, guard=guard)
        if self.connection.scalar(sa.select(sa.func.count()).select_from(tables.trimming)):
            yield ChainFault(FaultKind.OPEN)

    def _note(self, position: int, found: str) -> None:
        if position in self.asked:
            self.hashes[position] = found

    def _judge(self, link: Link, row: sa.RowMapping, previous: str) -> FaultKind | None:
        try:
            if link.form != FORM or link.hash != link_hash(previous, link):
                return FaultKind.BROKEN
        except _UNREADABLE:
            return FaultKind.BROKEN
        try:
            if link.subject == LinkSubject.EVENT.value:
                return self._judge_event(link, row)
            if link.subject == LinkSubject.USAGE_DAY.value:
                self._usage[str(link.tenant_id), str(link.kind)] = link
                return None
            if link.subject == LinkSubject.MEMORY.value:
                self._memory[str(link.tenant_id), str(link.kind)] = link
                return None
            if row["run_id"] is None:
                return FaultKind.DELETED
            run = _columns(row, "run_", tables.runs, self.connection)
            return _judge_content(
                link, run_content(run) if link.subject == LinkSubject.RUN.value else run_end_content(run)
            )
        except _UNREADABLE:
            return FaultKind.CHANGED

    def _judge_event(self, link: Link, row: sa.RowMapping) -> FaultKind | None:
        self.events += 1
        if row["event_id"] is None:
            if link.salt is not None or link.kind not in self.trimmable:
                return FaultKind.DELETED
            self.trimmed += 1
            missing = _Pending(_fault(FaultKind.DELETED, link))
            self._pending.setdefault((str(link.tenant_id), link.kind), missing).count += 1
            return None
        event = _columns(row, "event_", tables.events, self.connection)
        found = _judge_content(link, event_content(event))
        if found is None:
            self._learn(event)
        return found

    def _learn(self, event: Mapping[str, object]) -> None:
        """Read from an unaltered event which tenant left, and which events were deleted then."""
        tenant_id, details = str(event["tenant_id"]), event["details"]
        if not isinstance(details, Mapping):
            return
        if event["kind"] == EventKind.DEPARTURE.value and "retired_machine" not in details:
            self._left.add(tenant_id)
        is_account = event["kind"] == EventKind.RECORDS_TRIMMED.value and details.get(ACCOUNTS_FOR_LINKS) is True
        if is_account and tenant_id in self._left:
            for each in details["trimmed"]:
                key = (tenant_id, str(each["kind"]))
                if key in self._pending and self._pending[key].count == each["count"]:
                    del self._pending[key]

    def _judge_usage(self) -> Iterator[ChainFault]:
        for (tenant_id, day), link in self._usage.items():
            try:
                on = date.fromisoformat(day)
                rows = list_day(self.connection, tenant_id, on)
                found = _judge_content(link, usage_day_content(tenant_id, on, rows)) if rows else FaultKind.DELETED
            except _UNREADABLE:
                found = FaultKind.CHANGED
            if found is not None:
                yield _fault(found, link)

    def _judge_memory(self) -> Iterator[ChainFault]:
        for owner in sorted(list_remembered(self.connection) - self._memory.keys()):
            yield ChainFault(FaultKind.INSERTED, None, LinkSubject.MEMORY.value, None, *owner)
        for (tenant_id, machine), link in self._memory.items():
            try:
                memory = read_rows(self.connection, tenant_id, machine)
                found = _judge_content(link, content_of(tenant_id, machine, memory))
                if found is not None and memory == Memory():
                    found = FaultKind.DELETED
            except _UNREADABLE:
                found = FaultKind.CHANGED
            if found is not None:
                yield _fault(found, link)


def _judge_content(link: Link, found: Content) -> FaultKind | None:
    if link.salt is None or digest_content(link.salt, found) != link.content:
        return FaultKind.CHANGED
    return None


def _read_links(connection: sa.Connection) -> Iterator[sa.RowMapping]:
    """Return each link with the raw columns of its row."""
    chain, events, runs = tables.chain, tables.events, tables.runs
    columns = [
        sa.type_coerce(column, sa.types.NullType()).label(f"{prefix}_{column.name}")
        for prefix, table in (("link", chain), ("event", events), ("run", runs))
        for column in table.c
    ]
    is_event = sa.and_(chain.c.subject == LinkSubject.EVENT.value, events.c.id == chain.c.subject_id)
    ended = (LinkSubject.RUN.value, LinkSubject.RUN_END.value)
    is_run = sa.and_(chain.c.subject.in_(ended), runs.c.id == chain.c.subject_id)
    joined = chain.outerjoin(events, is_event).outerjoin(runs, is_run)
    statement = sa.select(*columns).select_from(joined).order_by(chain.c.position)
    yield from connection.execute(statement, execution_options={"yield_per": _BATCH}).mappings()


def _find_unlinked(connection: sa.Connection) -> Iterator[ChainFault]:
    """Return the rows of the tables that have no link."""
    events, runs = tables.events, tables.runs
    columns = (events.c.id, events.c.tenant_id, events.c.kind)
    unlinked = sa.select(*columns).where(~_has_link(LinkSubject.EVENT, events)).order_by(events.c.id)
    for row in connection.execute(unlinked).mappings():
        yield ChainFault(FaultKind.INSERTED, None, LinkSubject.EVENT.value, row["id"], row["tenant_id"], row["kind"])
    for subject, condition in ((LinkSubject.RUN, sa.true()), (LinkSubject.RUN_END, runs.c.finished_at.is_not(None))):
        statement = sa.select(runs.c.id).where(condition, ~_has_link(subject, runs)).order_by(runs.c.id)
        for run_id in connection.scalars(statement):
            yield ChainFault(FaultKind.INSERTED, None, subject.value, run_id)


def _has_link(subject: LinkSubject, table: sa.Table) -> sa.Exists:
    chain = tables.chain
    return sa.exists().where(chain.c.subject == subject.value, chain.c.subject_id == table.c.id)


def _columns(row: sa.RowMapping, prefix: str, table: sa.Table, connection: sa.Connection) -> dict[str, object]:
    """Read the columns of a row, each by its type."""
    found: dict[str, object] = {}
    dialect = connection.dialect
    for column in table.c:
        read: Callable[[object], object] | None = column.type.dialect_impl(dialect).result_processor(dialect, None)
        value = row[f"{prefix}{column.name}"]
        found[column.name] = value if read is None else read(value)
    return found


def _fault(kind: FaultKind, link: Link) -> ChainFault:
    return ChainFault(kind, link.position, link.subject, link.subject_id, link.tenant_id, link.kind)
