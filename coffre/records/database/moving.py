"""Moves all records from SQLite to PostgreSQL: every row with its chain, verified before anything counts as moved.

The copy is one transaction there, while nobody can write here. Then the old database gets a mark in itself: every later
write to it fails, also of a command that had it open.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from coffre.errors import ExpectedError, RefusedError
from coffre.records.chain.linking import read_tip
from coffre.records.chain.links import Tip
from coffre.records.chain.verification import verify_chain
from coffre.records.database import tables
from coffre.records.database.connection import open_engine, writing
from coffre.records.database.location import Location
from coffre.records.database.moved import find_place, mark_statements
from coffre.records.database.schema import ensure_schema
from coffre.records.database.trouble import translated
from coffre.records.events import EventKind

_BATCH = 1000
_FIRST = ("chain",)
"""The tables without which others take no row."""


@dataclass(frozen=True)
class RecordsMoved:
    """The result: the number of links, and whether an earlier run had copied them."""

    place: str
    links: int
    was_copied: bool


def move_records(
    source: Location, target: Location, trimmable: Collection[EventKind], wait_seconds: float
) -> RecordsMoved:
    """Copy all records of a SQLite file to a PostgreSQL database, verify them there, and mark the file as moved.

    May run again after a kill at any point. RefusedError when the database has records of its own, or when the chain
    is not whole before or after.
    """
    if source.file is None or target.file is not None:
        raise RefusedError(
            f"records move from SQLite to PostgreSQL, not from {source.shown} to {target.shown}",
            "Leave --records out when they are in PostgreSQL already; else name a variable with a PostgreSQL URL.",
        )
    old, new = open_engine(source, wait_seconds), open_engine(target, wait_seconds)
    try:
        with translated(source):
            ensure_schema(old, source, wait_seconds)
        with translated(target):
            ensure_schema(new, target, wait_seconds)
        # Nobody writes to the old one from here on, until it is marked or this process ends.
        with translated(source), writing(old) as reading:
            tip = read_tip(reading)
            _refuse_broken(reading, source, trimmable)
            with translated(target), writing(new) as connection:
                was_copied = _has_all(reading, connection, tip, target)
                if not was_copied:
                    _copy_all(reading, connection)
                    _refuse_broken(connection, target, trimmable)
                    _refuse_unequal(reading, connection, target)
            if find_place(reading) is None:
                for statement in mark_statements(target.shown, datetime.now(UTC)):
                    reading.execute(statement)
        return RecordsMoved(target.shown, tip.position, was_copied)
    finally:
        old.dispose()
        new.dispose()


def _has_all(source: sa.Connection, target: sa.Connection, tip: Tip, place: Location) -> bool:
    """Tell whether an earlier run has copied everything; RefusedError for records of another origin."""
    there = read_tip(target, is_locked=True)
    if there.position == 0 and _count(target, tables.events) == 0:
        return False
    if there.database_id == tip.database_id:
        if there.position >= tip.position and _hash_at(target, tip.position) == tip.hash:
            return True
        if there.position < tip.position and _hash_at(source, there.position) == there.hash:
            return False  # Killed before the mark, and the old records went on since.
    raise RefusedError(
        f"{place.shown} has records of its own, which are not a part of these",
        "Nothing was changed. Name an empty database.",
    )


def _copy_all(source: sa.Connection, target: sa.Connection) -> None:
    """Replace everything in the new database by what the old one has."""
    ordered = sorted(tables.metadata.sorted_tables, key=lambda table: table.name not in _FIRST)
    for table in ordered:
        target.exec_driver_sql(f'ALTER TABLE "{table.name}" DISABLE TRIGGER USER')
    for table in ordered:
        target.execute(sa.delete(table))
        for rows in source.execute(sa.select(table)).mappings().partitions(_BATCH):
            target.execute(sa.insert(table), [dict(row) for row in rows])
        if "id" in table.c and table.c.id.autoincrement is not False:
            _continue_numbers(target, table)
    for table in ordered:
        target.exec_driver_sql(f'ALTER TABLE "{table.name}" ENABLE TRIGGER USER')


def _continue_numbers(connection: sa.Connection, table: sa.Table) -> None:
    last = connection.scalar(sa.select(sa.func.max(table.c.id)))
    sequence = connection.scalar(sa.select(sa.func.pg_get_serial_sequence(table.name, "id")))
    if last is not None and sequence is not None:
        connection.execute(sa.select(sa.func.setval(sequence, last)))


def _refuse_broken(connection: sa.Connection, place: Location, trimmable: Collection[EventKind]) -> None:
    report = verify_chain(connection, (), trimmable)
    if report.fault_count:
        raise RefusedError(
            f"the chain of {place.shown} is not whole ({report.fault_count} faults): nothing was moved",
            "`coffre records verify` names the first place; find out what happened before you move them.",
        )


def _refuse_unequal(source: sa.Connection, target: sa.Connection, place: Location) -> None:
    if read_tip(source) != read_tip(target):
        raise ExpectedError(f"{place.shown} has another end of the chain after the copy: nothing was moved")
    for table in tables.metadata.sorted_tables:
        if _count(source, table) != _count(target, table):
            raise ExpectedError(f"{place.shown} lacks rows of {table.name} after the copy: nothing was moved")


def _hash_at(connection: sa.Connection, position: int) -> str | None:
    found = connection.scalar(sa.select(tables.chain.c.hash).where(tables.chain.c.position == position))
    return None if found is None else str(found)


def _count(connection: sa.Connection, table: sa.Table) -> int:
    return int(connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0)
