"""What supervision keeps: the files that were applied, what each pass saw, and the findings during their life."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from coffre.records.activity import Midnight, Usage
from coffre.records.applied_files import AppliedFile, add_files, delete_files, read_files
from coffre.records.database import tables
from coffre.records.database.adding import add_events
from coffre.records.database.connection import reading, writing
from coffre.records.database.location import Location
from coffre.records.database.trouble import translated
from coffre.records.database.usage import write_usage
from coffre.records.events import Event, storable
from coffre.records.kept_findings import (
    KeptFinding,
    delete_findings,
    find_finding,
    read_findings,
    touch_findings,
    write_finding,
)
from coffre.records.messages import Ended, Message, add_messages, delete_messages, end_messages

WHOLE_TENANT = ""
"""In place of a machine: what was seen of the tenant as a whole."""


@dataclass(frozen=True)
class Watched:
    """What the last look saw of a machine, or of a whole tenant; the values in ``seen`` are the supervision's own.

    ``mark`` is that of the machine's bucket: while it is the same, nobody wrote there.
    """

    looked_at: datetime
    mark: str | None = None
    seen: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Pass:
    """One pass over all tenants: without ``ended_at`` it goes on, or was killed. ``seen`` counts those that it saw."""

    id: int
    began_at: datetime
    ended_at: datetime | None
    tenants: int
    seen: int | None


@dataclass(frozen=True)
class Noted:
    """What one look changes in the records, all of it or nothing.

    ``events`` tell of the findings that were opened or closed. ``same`` are the numbers of findings seen as they were,
    at ``seen_at``. ``messages`` tell what was opened, ``ended`` is what is told of what was closed. ``usages`` and
    ``midnights`` are the measurements of the day.
    """

    tenant_id: str
    seen_at: datetime
    watched: Mapping[str, Watched] = field(default_factory=dict)
    findings: Sequence[KeptFinding] = ()
    same: Collection[int] = ()
    events: Sequence[Event] = ()
    messages: Sequence[Message] = ()
    ended: Sequence[Ended] = ()
    usages: Sequence[Usage] = ()
    midnights: Sequence[Midnight] = ()


class SupervisionStore:
    """The tables of supervision in an open records database."""

    def __init__(self, engine: sa.Engine, location: Location) -> None:
        self._engine = engine
        self._location = location

    def keep_applied_files(self, files: Iterable[AppliedFile]) -> None:
        """Keep the files that an apply worked from; may run twice."""
        with translated(self._location), writing(self._engine) as connection:
            add_files(connection, files)

    def read_applied_files(self, wanted: Collection[str]) -> Mapping[str, bytes]:
        """Return the kept files with these SHA-256; one that was changed in the database is left out."""
        with translated(self._location), reading(self._engine) as connection:
            return read_files(connection, wanted)

    def begin_pass(self, began_at: datetime, tenants: int) -> int:
        """Note the begin of a pass over so many tenants; returns its number for `end_pass`."""
        statement = sa.insert(tables.passes).values(began_at=began_at, tenants=tenants).returning(tables.passes.c.id)
        with translated(self._location), writing(self._engine) as connection:
            return int(connection.execute(statement).scalar_one())

    def end_pass(self, number: int, ended_at: datetime, seen: int) -> None:
        """Note the end of a pass, and of how many tenants it saw everything."""
        table = tables.passes
        statement = sa.update(table).where(table.c.id == number).values(ended_at=ended_at, seen=seen)
        with translated(self._location), writing(self._engine) as connection:
            connection.execute(statement)

    def list_passes(self, limit: int) -> list[Pass]:
        """Return the newest passes, the newest first."""
        statement = sa.select(tables.passes).order_by(tables.passes.c.id.desc()).limit(limit)
        with translated(self._location), reading(self._engine) as connection:
            return [Pass(**row) for row in connection.execute(statement).mappings()]

    def read_watched(self, tenant_id: str | None = None) -> dict[str, dict[str, Watched]]:
        """Return what the last look saw, by tenant id and machine; see `WHOLE_TENANT`."""
        table = tables.watched
        statement = sa.select(table) if tenant_id is None else sa.select(table).where(table.c.tenant_id == tenant_id)
        found: dict[str, dict[str, Watched]] = {}
        with translated(self._location), reading(self._engine) as connection:
            for row in connection.execute(statement):
                by_machine = found.setdefault(str(row.tenant_id), {})
                by_machine[str(row.machine)] = Watched(row.looked_at, row.mark, row.seen)
        return found

    def list_findings(self, tenant_id: str | None = None, *, since: datetime | None = None) -> Sequence[KeptFinding]:
        """Return the open findings of one tenant or of all, by age; with ``since`` also those closed since then."""
        with translated(self._location), reading(self._engine) as connection:
            return read_findings(connection, tenant_id, since=since)

    def find_finding(self, finding_id: int) -> KeptFinding | None:
        """Return one finding by its number, open or closed."""
        with translated(self._location), reading(self._engine) as connection:
            return find_finding(connection, finding_id)

    def note(self, looks: Iterable[Noted]) -> list[KeptFinding]:
        """Write what several looks change, in one transaction; returns the changed findings with their numbers."""
        written: list[KeptFinding] = []
        with translated(self._location), writing(self._engine) as connection:
            for look in looks:
                for machine, watched in look.watched.items():
                    _put_watched(connection, look.tenant_id, machine, watched)
                written += [write_finding(connection, each) for each in look.findings]
                if look.same:
                    touch_findings(connection, look.same, look.seen_at)
                if look.events:
                    add_events(connection, look.events)
                for ended in look.ended:
                    end_messages(connection, ended)
                add_messages(connection, look.messages)
                write_usage(connection, look.usages, look.midnights)
        return written


def forget_tenant(connection: sa.Connection, tenant_id: str) -> None:
    """Delete what supervision kept of a tenant that has left; its events stay until they are trimmed."""
    delete_files(connection, tenant_id)
    delete_findings(connection, tenant_id)
    delete_messages(connection, tenant_id)
    connection.execute(sa.delete(tables.watched).where(tables.watched.c.tenant_id == tenant_id))


def _put_watched(connection: sa.Connection, tenant_id: str, machine: str, watched: Watched) -> None:
    table = tables.watched
    values = {"looked_at": watched.looked_at, "mark": watched.mark, "seen": storable(watched.seen)}
    mine = sa.and_(table.c.tenant_id == tenant_id, table.c.machine == machine)
    if connection.execute(sa.update(table).where(mine).values(**values)).rowcount == 0:
        connection.execute(sa.insert(table).values(tenant_id=tenant_id, machine=machine, **values))
