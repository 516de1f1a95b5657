"""What a PostgreSQL server can refuse, each in one sentence without the password."""

import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import psycopg
import pytest
from coffre_lab.processes import wait_until

from coffre.errors import BusyError, ExpectedError, RemoteError
from coffre.records.applied_files import AppliedFile, add_files
from coffre.records.database import schema
from coffre.records.database.connection import writing
from coffre.records.database.store import Records
from coffre.records.events import Event, EventKind
from coffre.workspace.clock import utc_now

if TYPE_CHECKING:
    from conftest import Database, Server

VARIABLE = "COFFRE_TEST_RECORDS"


def refusal(url: str, database: "Database", monkeypatch: pytest.MonkeyPatch) -> ExpectedError:
    monkeypatch.setenv(VARIABLE, url)
    with pytest.raises(ExpectedError) as caught:
        Records.open(f"env:{VARIABLE}", database.root, wait_seconds=1)
    said = caught.value.message + caught.value.hint
    assert "\n" not in said
    assert caught.value.hint
    return caught.value


def test_wrong_password(postgresql: "Server", postgresql_database: "Database", monkeypatch: pytest.MonkeyPatch) -> None:
    error = refusal(postgresql.url("postgres", password="hunter2"), postgresql_database, monkeypatch)
    assert isinstance(error, RemoteError)
    assert error.message == (
        f"the records database postgres at 127.0.0.1:{postgresql.port} refused the connection: "
        'password authentication failed for user "coffre"'
    )
    assert "hunter2" not in error.message + error.hint


def test_missing_database(
    postgresql: "Server", postgresql_database: "Database", monkeypatch: pytest.MonkeyPatch
) -> None:
    error = refusal(postgresql.url("nowhere"), postgresql_database, monkeypatch)
    assert isinstance(error, RemoteError)
    assert error.message.endswith('refused the connection: database "nowhere" does not exist')


def test_no_server(postgresql_database: "Database", monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:  # bound and not listening: nobody answers there
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        error = refusal(f"postgresql://u:hunter2@127.0.0.1:{port}/d", postgresql_database, monkeypatch)
    assert isinstance(error, RemoteError)
    assert error.message == f"the records database d at 127.0.0.1:{port} cannot be reached: Connection refused"
    assert "hunter2" not in error.hint


def test_unknown_host(postgresql_database: "Database", monkeypatch: pytest.MonkeyPatch) -> None:
    error = refusal("postgresql://u:hunter2@nobody.invalid/d", postgresql_database, monkeypatch)
    assert error.message.startswith(
        "the records database d at nobody.invalid cannot be reached: failed to resolve host"
    )


def test_server_that_takes_the_connection_and_says_nothing(
    postgresql_database: "Database", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coffre.records.database.connection.CONNECT_SECONDS", 2)
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        url = f"postgresql://u:hunter2@127.0.0.1:{mute.getsockname()[1]}/d"
        error = refusal(url, postgresql_database, monkeypatch)
    assert isinstance(error, RemoteError)
    assert "cannot be reached: " in error.message


def test_option_that_libpq_does_not_know(
    postgresql: "Server", postgresql_database: "Database", monkeypatch: pytest.MonkeyPatch
) -> None:
    error = refusal(postgresql.url("postgres") + "?sslmood=off", postgresql_database, monkeypatch)
    assert "sslmood" in error.message


def test_role_that_may_not_make_tables(
    postgresql: "Server", postgresql_database: "Database", monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(postgresql_database.url, autocommit=True) as connection:
        connection.execute("CREATE ROLE reader LOGIN PASSWORD 'hunter2'")
    try:
        name = postgresql_database.url.rpartition("/")[2]
        error = refusal(postgresql.url(name, role="reader", password="hunter2"), postgresql_database, monkeypatch)
    finally:
        with psycopg.connect(postgresql_database.url, autocommit=True) as connection:
            connection.execute("DROP ROLE reader")
    assert isinstance(error, RemoteError)
    assert "refused: permission denied for schema public" in error.message


def test_server_that_goes_away_in_between(postgresql_database: "Database") -> None:
    with Records.open(postgresql_database.reference, postgresql_database.root) as records:
        with psycopg.connect(postgresql_database.url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'coffre' AND datname = current_database()"
            )
        with pytest.raises(RemoteError) as caught:
            records.list_events("k7f3q9wz2m")
        assert "\n" not in caught.value.message
        assert records.list_events("k7f3q9wz2m") == []  # the next call connects again


def test_migration_that_another_process_holds_is_busy(postgresql_database: "Database") -> None:
    with psycopg.connect(postgresql_database.url) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", [schema._MIGRATION_LOCK])
        with pytest.raises(BusyError, match="is locked by another process"):
            Records.open(postgresql_database.reference, postgresql_database.root, wait_seconds=0.3)
    Records.open(postgresql_database.reference, postgresql_database.root).close()


def test_truncate_is_refused_too(postgresql_database: "Database") -> None:
    with Records.open(postgresql_database.reference, postgresql_database.root) as records:
        records.append(Event("k7f3q9wz2m", "martin", EventKind.INSTALL, utc_now(), "claire"))
        with (
            psycopg.connect(postgresql_database.url) as connection,
            pytest.raises(psycopg.errors.RaiseException, match="events are append-only"),
        ):
            connection.execute("TRUNCATE events CASCADE")
        assert records.has("k7f3q9wz2m", EventKind.INSTALL)


def test_other_programs_may_have_their_own_tables_and_migrations_there(postgresql_database: "Database") -> None:
    with psycopg.connect(postgresql_database.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num text)")
        connection.execute("INSERT INTO alembic_version VALUES ('somebody else')")
    with Records.open(postgresql_database.reference, postgresql_database.root) as records:
        assert records.list_runs() == []


def test_two_applies_keep_the_same_platform_file_at_once(postgresql_database: "Database") -> None:
    """The second one finds no such row, and meets it when it adds its own."""
    file = AppliedFile(None, b"version: 1\n")
    reference, root = postgresql_database.reference, postgresql_database.root
    with (
        Records.open(reference, root) as first,
        Records.open(reference, root) as second,
        ThreadPoolExecutor(1) as threads,
    ):
        with writing(first._engine) as connection:
            add_files(connection, [file])
            added = threads.submit(second.supervision.keep_applied_files, [file])
            wait_until(
                lambda: waits_for_a_lock(postgresql_database), "the second apply does not meet the first", seconds=20
            )
        added.result(timeout=30)
        assert second.supervision.read_applied_files([file.sha256]) == {file.sha256: file.content}


def waits_for_a_lock(database: "Database") -> bool:
    with psycopg.connect(database.url) as connection:
        found = connection.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()
    return found is not None and found[0] > 0
