"""Engines for the two databases, with limited waiting times and private files."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import event

from coffre.errors import ExpectedError
from coffre.records.database.location import Location
from coffre.workspace.files import PRIVATE_FILE, PRIVATE_FOLDER

CONNECT_SECONDS = 5
STATEMENT_SECONDS = 60

_WRITES = "coffre_writes"


def open_engine(location: Location, wait_seconds: float) -> sa.Engine:
    """Return an engine; it waits at most ``wait_seconds`` for a lock of another process."""
    if location.file is not None:
        _prepare_file(location.file)
        return _open_sqlite(location.url, wait_seconds)
    settings = {
        "lock_timeout": int(wait_seconds * 1000),
        "statement_timeout": STATEMENT_SECONDS * 1000,
        "timezone": "UTC",
    }
    return sa.create_engine(
        location.url,
        connect_args={
            "connect_timeout": CONNECT_SECONDS,
            "application_name": "coffre",
            "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
        },
        hide_parameters=True,
    )


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Hold one writing transaction: it is stored completely or not at all."""
    with engine.execution_options(**{_WRITES: True}).begin() as connection:
        yield connection


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Hold one transaction that sees the state at its start, without the later writes of others."""
    options = {} if engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
    with engine.connect().execution_options(**options) as connection, connection.begin():
        yield connection


def _open_sqlite(url: sa.URL, wait_seconds: float) -> sa.Engine:
    engine = sa.create_engine(url, connect_args={"timeout": wait_seconds}, hide_parameters=True)
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _configure_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # Without this, Python starts transactions by its own rules; here only `_begin_sqlite` does.
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA synchronous=FULL")


def _begin_sqlite(connection: sa.Connection) -> None:
    # A transaction that reads first and writes later fails at once when another one wrote in between; one that
    # declares at its start that it writes waits for its turn.
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _prepare_file(file: Path) -> None:
    """Create the database's file and folder, private to their owner.

    This never opens the file of an open database: closing it would release SQLite's locks of this process.
    """
    try:
        if not file.parent.is_dir():
            file.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        file.touch(mode=PRIVATE_FILE, exist_ok=False)
    except FileExistsError:
        if file.is_file() and file.stat().st_mode & 0o077:
            file.chmod(PRIVATE_FILE)
    except OSError as error:
        raise ExpectedError(
            f"cannot create the records database {file}: {(error.strerror or '').lower()}",
            "Make its folder writable for the user who runs Coffre.",
        ) from error
