"""The mark in a SQLite database whose records were moved: readers are told, and every write fails."""

from collections.abc import Iterator
from datetime import datetime

import sqlalchemy as sa

from coffre.records.database.location import Location
from coffre.workspace.moved import moved_error

MARKED_TABLES = (
    "chain",
    "usage",
    "heads",
    "saved_plans",
    "applied_files",
    "kept_findings",
    "watched",
    "passes",
    "messages",
    "probe_spans",
)
"""Every write adds a row to one of them."""
_TABLE = "moved"


def find_place(connection: sa.Connection) -> str | None:
    """Return where the records of a database were moved; None when they were not."""
    if connection.dialect.name != "sqlite" or not sa.inspect(connection).has_table(_TABLE):
        return None
    found = connection.scalar(sa.text("SELECT place FROM moved"))
    return None if found is None else str(found)


def refuse_moved_records(engine: sa.Engine, location: Location) -> None:
    """Refuse a database whose records were moved."""
    if location.file is None:
        return
    with engine.connect() as connection:
        place = find_place(connection)
    if place is not None:
        raise moved_error(location.shown, place)


def mark_statements(place: str, at: datetime) -> Iterator[sa.TextClause]:
    """Yield the statements that mark a SQLite database as moved, in the transaction that moves it."""
    yield sa.text("CREATE TABLE moved (place TEXT NOT NULL, at TEXT NOT NULL)")
    yield sa.text("INSERT INTO moved VALUES (:place, :at)").bindparams(place=place, at=at.isoformat())
    for table in MARKED_TABLES:
        yield sa.text(
            f"CREATE TRIGGER moved_{table} BEFORE INSERT ON {table} BEGIN "
            "SELECT RAISE(ABORT, 'these records were moved: bring platform.yaml up to date'); END"
        )
