"""Turns database errors into one sentence each; no other module handles SQLAlchemy's errors."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from coffre.errors import BusyError, ExpectedError, RemoteError
from coffre.records.database.location import Location

_SQLITE_PRIMARY_CODE = 0xFF
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_UNREACHED = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR)
_WAITED_TOO_LONG = ("55P03", "57014")  # lock_timeout, statement_timeout
_DISK_FULL = "53100"
_LOG_BYTES = 64 * 1024
_BUSY_HINT = "Wait for the other command to end, then run this again."


@contextmanager
def translated(location: Location) -> Iterator[None]:
    """Turn an error of the database into an expected error, without a password and without SQL."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        cause = error.orig
        if isinstance(cause, sqlite3.Error):
            raise _explain_sqlite(cause, location) from error
        raise _explain_postgresql(cause or error, location) from error


def _explain_sqlite(error: sqlite3.Error, location: Location) -> ExpectedError:
    code = getattr(error, "sqlite_errorcode", 0) & _SQLITE_PRIMARY_CODE
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return BusyError(f"{location.shown} is locked by another process", _BUSY_HINT)
    # Without space for its write-ahead log, SQLite reports an error of the disk.
    if code == sqlite3.SQLITE_FULL or (code in _UNREACHED and _is_disk_full(location)):
        return ExpectedError(
            f"no room is left for {location.shown}", "Make room, then run this again; the records are kept."
        )
    if code in _DAMAGED:
        return ExpectedError(
            f"{location.shown} is damaged: {error}", "Move the file away and restore a backup in its place."
        )
    if code in _UNREACHED:
        return ExpectedError(
            f"{location.shown} cannot be used: {error}", "Make file and folder writable for the user who runs Coffre."
        )
    return ExpectedError(f"{location.shown} refused: {error}")


def _is_disk_full(location: Location) -> bool:
    return location.file is not None and shutil.disk_usage(location.file.parent).free < _LOG_BYTES


def _explain_postgresql(error: BaseException, location: Location) -> ExpectedError:
    reason = _reason(error, location)
    # Compared by name: loading psycopg for its class costs 50 ms that a SQLite user must not pay.
    sqlstate: str | None = getattr(error, "sqlstate", None)
    if sqlstate in _WAITED_TOO_LONG:
        return BusyError(f"{location.shown} is locked by another process", _BUSY_HINT)
    if sqlstate == _DISK_FULL:
        return RemoteError(
            f"no room is left for {location.shown}", "Make room on its server, then run this again; nothing is lost."
        )
    if sqlstate is not None:
        return RemoteError(f"{location.shown} refused: {reason}", "Its role must own its tables and its schema.")
    if "FATAL" in str(error):
        return RemoteError(
            f"{location.shown} refused the connection: {reason}",
            "Check user, password and database name of the URL that platform.yaml refers to.",
        )
    return RemoteError(
        f"{location.shown} cannot be reached: {reason}",
        "Check that the server runs and that host and port of the URL are right, then run this again.",
    )


def _reason(error: BaseException, location: Location) -> str:
    """Return the last part of libpq's first line, which has the reason; remove the password if it is there."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    first = lines[0] if lines else "no reason given"
    reason = first.rpartition("FATAL:")[2].rpartition(" failed: ")[2].strip()
    password = location.url.password
    return reason.replace(str(password), "***") if password else reason
