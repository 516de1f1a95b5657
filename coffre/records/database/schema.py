"""Migrates the database to this Coffre's schema, in one process at a time; there is no way back."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from coffre.errors import ExpectedError
from coffre.records.database.connection import writing
from coffre.records.database.location import Location

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0010"
"""The newest migration. It is stated here so that opening a current database does not load Alembic."""

VERSION_TABLE = "coffre_version"
_MIGRATION_LOCK = 0x636F6666  # any number that nobody else uses in this database
_POLL_SECONDS = 0.05


def ensure_schema(engine: sa.Engine, location: Location, wait_seconds: float) -> None:
    """Migrate the database when it is older than this Coffre; ExpectedError when it is newer."""
    with engine.connect() as connection:
        if _read_version(connection) == HEAD:
            return
    if location.file is not None:
        _use_write_ahead_log(engine, time.monotonic() + wait_seconds)
    with writing(engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
        version = _read_version(connection)
        if version != HEAD:
            _migrate(connection, version, location)


def alembic_config() -> "Config":
    """Return Alembic's configuration with the migrations of this package, in any installation."""
    from alembic.config import Config

    config = Config()
    folder = Path(__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    return config


def _migrate(connection: sa.Connection, version: str | None, location: Location) -> None:
    from alembic import command
    from alembic.script import ScriptDirectory

    config = alembic_config()
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if version is not None and version not in known:
        raise ExpectedError(
            f"{location.shown} was written by a newer Coffre (its schema is {version}, this one knows {HEAD})",
            "Update Coffre here; the schema of records cannot go back.",
        )
    config.attributes["connection"] = connection
    command.upgrade(config, HEAD)


def _read_version(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    table = sa.table(VERSION_TABLE, sa.column("version_num", sa.String()))
    return connection.scalar(sa.select(table.c.version_num))


def _use_write_ahead_log(engine: sa.Engine, deadline: float) -> None:
    """Switch a SQLite file to its write-ahead log, so that readers and a writer do not block each other.

    The file keeps the setting. SQLite does not always wait for other processes before this switch, so Coffre does.
    """
    while True:
        connection = engine.raw_connection()
        try:
            connection.cursor().execute("PRAGMA journal_mode=WAL")
        except engine.dialect.loaded_dbapi.OperationalError as error:
            if time.monotonic() >= deadline:
                raise sa.exc.OperationalError("PRAGMA journal_mode=WAL", None, error) from error
            time.sleep(_POLL_SECONDS)
        else:
            return
        finally:
            connection.close()
