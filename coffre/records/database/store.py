"""The records database: append-only events, daily usage, runs. SQLite and PostgreSQL behave the same.

Events are deleted in one case only: those of a departed tenant, by kind, and this is recorded as an event. Each event,
the start and the end of each run, each closed day of usage and each change of a machine's memory has a link in one
chain, added in the same transaction (`chain`).
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import sqlalchemy as sa

from coffre.errors import ExpectedError
from coffre.records.activity import Midnight, Run, RunOutcome, Usage
from coffre.records.actor import Author
from coffre.records.chain.heads import Head
from coffre.records.chain.linking import Linker, read_tip
from coffre.records.chain.links import (
    ACCOUNTS_FOR_LINKS,
    LinkSubject,
    Tip,
    first_hash,
    run_content,
    run_end_content,
)
from coffre.records.chain.verification import ChainReport, verify_chain
from coffre.records.database import tables
from coffre.records.database.adding import add_events
from coffre.records.database.availability import AvailabilityStore
from coffre.records.database.connection import open_engine, reading, writing
from coffre.records.database.location import Location, locate
from coffre.records.database.messages import MessageStore
from coffre.records.database.moved import refuse_moved_records
from coffre.records.database.schema import ensure_schema
from coffre.records.database.supervision import SupervisionStore, forget_tenant
from coffre.records.database.trouble import translated
from coffre.records.database.usage import read_midnights, read_usage, write_usage
from coffre.records.events import Event, EventKind
from coffre.records.memory import Memory, delete_memory, read_memories, read_memory, write_memory
from coffre.records.saved_plans import SavedPlan, add_plan, delete_plans, read_plans, select_plans

DEFAULT_WAIT_SECONDS = 10.0
_MEMORY_LOCK = 0x636F666D  # any number that nobody else uses in this database


class Records:
    """An open records database. Errors are BusyError (locked too long), RemoteError (not reached) or ExpectedError."""

    def __init__(self, engine: sa.Engine, location: Location) -> None:
        self._engine = engine
        self._location = location

    @classmethod
    def open(cls, reference: str, root: Path, *, wait_seconds: float = DEFAULT_WAIT_SECONDS) -> Self:
        """Open the database of `records:` in platform.yaml; create or migrate it first if needed."""
        location = locate(reference, root)
        engine = open_engine(location, wait_seconds)
        try:
            with translated(location):
                ensure_schema(engine, location, wait_seconds)
                refuse_moved_records(engine, location)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine, location)

    def close(self) -> None:
        """Close the connections; may run twice."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def supervision(self) -> SupervisionStore:
        """What supervision keeps."""
        return SupervisionStore(self._engine, self._location)

    @property
    def messages(self) -> MessageStore:
        """The messages to SMILÉO's channels and to customers."""
        return MessageStore(self._engine, self._location)

    @property
    def availability(self) -> AvailabilityStore:
        """What is kept of the availability of platforms."""
        return AvailabilityStore(self._engine, self._location)

    def append(self, event: Event) -> Event:
        """Add one event and return it as recorded, with its id; RefusedError when its details contain a secret."""
        return self.append_all([event])[0]

    def append_all(self, events: Iterable[Event]) -> list[Event]:
        """Add several events in one transaction: all of them, in this order, or none. Returns them with their ids."""
        added = list(events)
        if not added:
            return []
        with translated(self._location), writing(self._engine) as connection:
            first = add_events(connection, added)
        return [replace(event, id=first + turn) for turn, event in enumerate(added)]

    def trim(self, trimmed: Event, kinds: Collection[EventKind]) -> dict[EventKind, int]:
        """Delete a tenant's events of these kinds and add ``trimmed`` with their number, all at once or not at all.

        This is the only way to delete an event: the database refuses any other. Its link stays without its salt, and
        ``trimmed`` accounts for it. The tenant's saved plans and what supervision kept go too. May run twice; nothing
        is added when no event is deleted.
        """
        table, chain, allowed = tables.events, tables.chain, tables.trimming
        mine = sa.and_(table.c.tenant_id == trimmed.tenant_id, table.c.kind.in_(sorted(kind.value for kind in kinds)))
        counting = sa.select(table.c.kind, sa.func.count()).where(mine).group_by(table.c.kind).order_by(table.c.kind)
        with translated(self._location), writing(self._engine) as connection:
            delete_plans(connection, trimmed.tenant_id)
            forget_tenant(connection, trimmed.tenant_id)
            counts = {EventKind(row[0]): int(row[1]) for row in connection.execute(counting)}
            if not counts:
                return {}
            went = [{"kind": kind.value, "count": count} for kind, count in counts.items()]
            details = {**trimmed.details, "trimmed": went, ACCOUNTS_FOR_LINKS: True}
            rows = [{"tenant_id": trimmed.tenant_id, "kind": kind.value} for kind in counts]
            connection.execute(sa.insert(allowed), rows)
            connection.execute(sa.delete(table).where(mine))
            links = sa.and_(
                chain.c.subject == LinkSubject.EVENT.value,
                chain.c.tenant_id == trimmed.tenant_id,
                chain.c.kind.in_([kind.value for kind in counts]),
                chain.c.salt.is_not(None),
            )
            connection.execute(sa.update(chain).where(links).values(salt=None))
            connection.execute(sa.delete(allowed).where(allowed.c.tenant_id == trimmed.tenant_id))
            add_events(connection, [replace(trimmed, details=details)])
        return counts

    def list_events(self, tenant_id: str, kind: EventKind | None = None, machine: str | None = None) -> list[Event]:
        """Return a tenant's events in the order they were added; None means any kind, any machine."""
        rows = self._read(_select_events(tenant_id, kind, machine).order_by(tables.events.c.id))
        return [self._event(row) for row in rows]

    def select_events(
        self,
        tenant_id: str | None,
        kinds: Collection[EventKind],
        machine: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[Event]:
        """Return the events of these kinds, of one tenant or of all, from ``since`` on and before ``until``.

        They are in the order they were added.
        """
        table = tables.events
        statement = sa.select(table).where(table.c.kind.in_(sorted(kind.value for kind in kinds)))
        if tenant_id is not None:
            statement = statement.where(table.c.tenant_id == tenant_id)
        if machine is not None:
            statement = statement.where(table.c.machine == machine)
        if since is not None:
            statement = statement.where(table.c.at >= since)
        if until is not None:
            statement = statement.where(table.c.at < until)
        return [self._event(row) for row in self._read(statement.order_by(table.c.id))]

    def find_last(self, tenant_id: str, kind: EventKind, machine: str | None = None) -> Event | None:
        """Return the last added event of a kind; without a machine, of any machine."""
        newest_first = _select_events(tenant_id, kind, machine).order_by(tables.events.c.id.desc())
        rows = self._read(newest_first.limit(1))
        return self._event(rows[0]) if rows else None

    def find_newest(self, kinds: Collection[EventKind]) -> dict[str, Event]:
        """Return, for each tenant id that has one, the event of these kinds that was added last."""
        table = tables.events
        of_kinds = sa.select(sa.func.max(table.c.id)).where(table.c.kind.in_(sorted(kind.value for kind in kinds)))
        rows = self._read(sa.select(table).where(table.c.id.in_(of_kinds.group_by(table.c.tenant_id))))
        return {str(row["tenant_id"]): self._event(row) for row in rows}

    def has(self, tenant_id: str, kind: EventKind, machine: str | None = None) -> bool:
        """Tell whether such an event was ever added."""
        return self.find_last(tenant_id, kind, machine) is not None

    def record_usage(self, usages: Iterable[Usage]) -> None:
        """Record the usage of machines' buckets; a later measurement of the same day replaces the earlier one.

        Past days are closed: they get a link.
        """
        with translated(self._location), writing(self._engine) as connection:
            write_usage(connection, usages)

    def list_usage(self, tenant_id: str, first: date, last: date) -> list[Usage]:
        """Return the usage of a tenant's machines from the first to the last day, both included, by day and machine."""
        with translated(self._location), reading(self._engine) as connection:
            return read_usage(connection, tenant_id, first, last)

    def list_midnights(self, tenant_id: str, first: date, last: date) -> list[Midnight]:
        """Return what a tenant held at 00:00 of these days, both included; a day that nobody measured is missing."""
        with translated(self._location), reading(self._engine) as connection:
            return read_midnights(connection, tenant_id, first, last)

    def read_memory(self, tenant_id: str, machine: str) -> Memory:
        """Return the memory of a machine's repository and reports."""
        with translated(self._location), reading(self._engine) as connection:
            return read_memory(connection, tenant_id, machine)

    def read_memories(self, tenant_id: str) -> dict[str, Memory]:
        """Return the memories of all machines of a tenant that have one, in one state of the database."""
        with translated(self._location), reading(self._engine) as connection:
            return read_memories(connection, tenant_id)

    def change_memory(self, tenant_id: str, machine: str, change: Callable[[Memory], Memory]) -> Memory:
        """Apply ``change`` to the current memory of a machine; returns the new memory."""
        with translated(self._location), writing(self._engine) as connection:
            _lock_memory(connection)
            before = read_memory(connection, tenant_id, machine)
            after = change(before)
            write_memory(connection, tenant_id, machine, before, after)
        return after

    def forget_memory(self, tenant_id: str, machine: str) -> None:
        """Delete the memory of a machine whose backups are erased or about to be. May run twice."""
        with translated(self._location), writing(self._engine) as connection:
            _lock_memory(connection)
            delete_memory(connection, tenant_id, machine)

    def save_plan(self, plan: SavedPlan, keep_since: datetime) -> None:
        """Keep a signed plan for the apply after the merge; plans from before ``keep_since`` are deleted."""
        with translated(self._location), writing(self._engine) as connection:
            add_plan(connection, plan, keep_since)

    def list_saved_plans(self, tenant_id: str, tenant_file_sha256: str) -> list[SavedPlan]:
        """Return the saved plans of a content of a tenant's file, the newest first."""
        return read_plans(self._read(select_plans(tenant_id, tenant_file_sha256)))

    def start_run(self, command: str, tenants: Sequence[str], started_at: datetime, author: Author) -> int:
        """Record the start of a command that changes something; returns the run's id for `finish_run`."""
        row = {
            "command": command,
            "tenants": list(tenants),
            "started_at": started_at,
            "actor": author.actor,
            tables.COMMIT: author.commit,
        }
        with translated(self._location), writing(self._engine) as connection:
            linker = Linker(connection)
            run_id = linker.next_id(LinkSubject.RUN)
            linker.add(run_content({**row, "id": run_id}))
            linker.write()
            connection.execute(sa.insert(tables.runs), {**row, "id": run_id})
        return run_id

    def finish_run(self, run_id: int, finished_at: datetime, outcome: RunOutcome) -> None:
        """Record the end of a run, once."""
        table = tables.runs
        statement = (
            sa.update(table)
            .where(table.c.id == run_id, table.c.finished_at.is_(None))
            .values(finished_at=finished_at, outcome=outcome.value)
        )
        going_on = sa.select(table.c.id).where(table.c.id == run_id, table.c.finished_at.is_(None))
        with translated(self._location), writing(self._engine) as connection:
            linker = Linker(connection)
            if connection.scalar(going_on) is None:
                raise ValueError(f"run {run_id} is not in progress")
            linker.add(run_end_content({"id": run_id, "finished_at": finished_at, "outcome": outcome.value}))
            linker.write()
            connection.execute(statement)

    def list_runs(self) -> list[Run]:
        """Return all runs, the newest first."""
        rows = self._read(sa.select(tables.runs).order_by(tables.runs.c.id.desc()))
        return [_run(row) for row in rows]

    def read_tip(self) -> Tip:
        """Return the tip of the chain."""
        with translated(self._location), self._engine.connect() as connection:
            return read_tip(connection)

    def find_hash(self, position: int) -> str | None:
        """Return the hash of the chain at a position, None beyond its end."""
        if position == 0:
            return first_hash(self.read_tip().database_id)
        rows = self._read(sa.select(tables.chain.c.hash).where(tables.chain.c.position == position))
        return str(rows[0]["hash"]) if rows else None

    def add_head(self, head: Head, place: str) -> None:
        """Store a signed head and its place."""
        with translated(self._location), writing(self._engine) as connection:
            connection.execute(sa.insert(tables.heads), {**vars(head), "place": place})

    def list_heads(self, place: str | None = None) -> list[Head]:
        """Return the signed heads, the oldest first; None means any place."""
        table = tables.heads
        names = [column for column in table.c if column.name not in ("id", "place")]
        statement = sa.select(*names).order_by(table.c.id)
        rows = self._read(statement if place is None else statement.where(table.c.place == place))
        return [Head(**row) for row in rows]

    def find_head(self, place: str) -> Head | None:
        """Return the last head of a place."""
        table = tables.heads
        names = [column for column in table.c if column.name not in ("id", "place")]
        rows = self._read(sa.select(*names).where(table.c.place == place).order_by(table.c.id.desc()).limit(1))
        return Head(**rows[0]) if rows else None

    def list_newest(self, tenant_id: str | None, limit: int) -> list[Event]:
        """Return the newest events of a tenant, or of all, in the order they were added."""
        table = tables.events
        statement = sa.select(table) if tenant_id is None else sa.select(table).where(table.c.tenant_id == tenant_id)
        rows = self._read(statement.order_by(table.c.id.desc()).limit(limit))
        return [self._event(row) for row in reversed(rows)]

    def verify(self, positions: Collection[int] = (), trimmable: Collection[EventKind] = ()) -> ChainReport:
        """Verify all records with the chain, in one state of the database; see `verify_chain`."""
        with translated(self._location), reading(self._engine) as connection:
            return verify_chain(connection, positions, trimmable)

    def _read(self, statement: sa.Select[tuple[object, ...]]) -> Sequence[sa.RowMapping]:
        with translated(self._location), self._engine.connect() as connection:
            return connection.execute(statement).mappings().all()

    def _event(self, row: sa.RowMapping) -> Event:
        try:
            kind = EventKind(row["kind"])
        except ValueError:
            raise ExpectedError(
                f"{self._location.shown} has an event of a kind this Coffre does not know: {row['kind']}",
                "Update Coffre here: a newer one wrote it.",
            ) from None
        return Event(**{**row, "kind": kind})


def _lock_memory(connection: sa.Connection) -> None:
    """Allow one writer of memories at a time; SQLite never has more than one."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MEMORY_LOCK)))


def _select_events(tenant_id: str, kind: EventKind | None, machine: str | None) -> sa.Select[tuple[object, ...]]:
    table = tables.events
    statement = sa.select(table).where(table.c.tenant_id == tenant_id)
    if kind is not None:
        statement = statement.where(table.c.kind == kind.value)
    if machine is not None:
        statement = statement.where(table.c.machine == machine)
    return statement


def _run(row: sa.RowMapping) -> Run:
    outcome = RunOutcome(row["outcome"]) if row["outcome"] is not None else None
    return Run(**{**row, "tenants": tuple(row["tenants"]), "outcome": outcome})
