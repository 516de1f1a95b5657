"""What is special about records in a SQLite file: who may read it, who waits for whom, what a kill leaves."""

import multiprocessing
import os
import signal
import sqlite3
import stat
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from coffre.errors import BusyError, ExpectedError
from coffre.records.database import schema, tables
from coffre.records.database.store import Records
from coffre.records.events import Event, EventKind
from coffre.workspace.clock import utc_now

REFERENCE = "sqlite:.coffre/records.db"


def event(machine: str | None = None) -> Event:
    return Event("k7f3q9wz2m", "martin", EventKind.INSTALL, utc_now(), "claire", machine=machine)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """An up-to-date database with one event."""
    with Records.open(REFERENCE, tmp_path) as records:
        records.append(event("pc-0"))
    return tmp_path / ".coffre" / "records.db"


def test_file_and_folder_are_for_their_owner_alone(file: Path, tmp_path: Path) -> None:
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    with Records.open(REFERENCE, tmp_path) as records:
        records.append(event())
        for beside in file.parent.iterdir():
            assert stat.S_IMODE(beside.stat().st_mode) == 0o600


def test_file_that_others_can_read_is_closed_to_them(file: Path, tmp_path: Path) -> None:
    file.chmod(0o644)
    Records.open(REFERENCE, tmp_path).close()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_writes_ahead_and_checks_foreign_keys(file: Path, tmp_path: Path) -> None:
    with Records.open(REFERENCE, tmp_path) as records, records._engine.connect() as connection:
        settings = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in
                    ("journal_mode", "foreign_keys", "synchronous")}  # fmt: skip
    assert settings == {"journal_mode": "wal", "foreign_keys": 1, "synchronous": 2}


def test_head_is_the_newest_migration() -> None:
    assert ScriptDirectory.from_config(schema.alembic_config()).get_heads() == [schema.HEAD]


def test_migrations_make_the_tables_that_the_code_uses(tmp_path: Path) -> None:
    with Records.open(REFERENCE, tmp_path) as records, records._engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": schema.VERSION_TABLE})
        assert compare_metadata(context, tables.metadata) == []


def test_replacing_an_event_is_refused_too(file: Path) -> None:
    """INSERT OR REPLACE is SQLite's own way around a trigger that guards deletes."""
    with sqlite3.connect(file) as connection, pytest.raises(sqlite3.IntegrityError, match="events are append-only"):
        connection.execute("INSERT OR REPLACE INTO events SELECT * FROM events")
    connection.close()


def test_locked_database_is_busy_after_a_bounded_wait(file: Path, tmp_path: Path) -> None:
    other = sqlite3.connect(file, isolation_level=None)
    with Records.open(REFERENCE, tmp_path, wait_seconds=0.2) as records:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(BusyError, match=r"the records database \.coffre/records\.db is locked") as caught:
            records.append(event())
        assert caught.value.hint
        assert len(records.list_events("k7f3q9wz2m")) == 1  # whoever only reads is not stopped
        other.execute("ROLLBACK")
        records.append(event())
    other.close()


def test_database_held_exclusively_is_busy_at_opening(file: Path, tmp_path: Path) -> None:
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("PRAGMA locking_mode=EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(BusyError):
        Records.open(REFERENCE, tmp_path, wait_seconds=0.2)
    other.close()


def test_first_opening_that_another_process_blocks_is_busy(tmp_path: Path) -> None:
    """Not yet in its write-ahead mode: the switch itself must not wait for ever."""
    (tmp_path / ".coffre").mkdir()
    other = sqlite3.connect(tmp_path / ".coffre" / "records.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(BusyError):
        Records.open(REFERENCE, tmp_path, wait_seconds=0.2)
    other.close()


@pytest.mark.parametrize("content", [b"not a database at all, but long enough to look at" * 50, "cut"])
def test_damaged_file_is_said_and_kept(file: Path, tmp_path: Path, content: bytes | str) -> None:
    damaged = file.read_bytes()[:5000] if isinstance(content, str) else content
    file.write_bytes(damaged)
    with (
        pytest.raises(ExpectedError, match="is damaged: ") as caught,
        Records.open(REFERENCE, tmp_path) as records,
    ):
        records.list_events("k7f3q9wz2m")
    assert "backup" in caught.value.hint
    assert file.read_bytes() == damaged


def test_refused_opening_leaves_no_file_open(file: Path, tmp_path: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE coffre_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(ExpectedError, match="newer Coffre") as caught:  # kept, as its traceback keeps the engine
        Records.open(REFERENCE, tmp_path)
    opened = [link.readlink() for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    assert file not in opened, caught.value


def test_folder_in_place_of_the_file_is_said(tmp_path: Path) -> None:
    (tmp_path / ".coffre" / "records.db").mkdir(parents=True)
    with pytest.raises(ExpectedError, match="cannot be used: unable to open database file"):
        Records.open(REFERENCE, tmp_path)


def test_file_in_place_of_the_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / ".coffre").write_text("")
    with pytest.raises(ExpectedError, match="cannot be used: unable to open database file"):
        Records.open(REFERENCE, tmp_path)


def test_event_kind_of_a_newer_coffre_is_said(file: Path, tmp_path: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("INSERT INTO chain VALUES (2, 1, 'event', 2, 'k7f3q9wz2m', 'teleported', 's', 'c', 'h')")
        connection.execute(
            "INSERT INTO events (id, tenant_id, slug, kind, at, actor, details) "
            "VALUES (2, 'k7f3q9wz2m', 'martin', 'teleported', '2026-01-01 00:00:00', 'c', '{}')"
        )
    connection.close()
    with Records.open(REFERENCE, tmp_path) as records:
        with pytest.raises(ExpectedError, match="of a kind this Coffre does not know: teleported"):
            records.list_events("k7f3q9wz2m")
        assert records.find_last("k7f3q9wz2m", EventKind.INSTALL) is not None


def _open_and_append(root: str, start: "multiprocessing.synchronize.Event", number: int) -> None:
    start.wait(60)
    with Records.open(REFERENCE, Path(root), wait_seconds=60) as records:
        for turn in range(5):
            records.append(event(f"pc-{number}-{turn}"))


def test_first_openings_side_by_side_do_not_fight(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    start = context.Event()
    children = [context.Process(target=_open_and_append, args=(str(tmp_path), start, n)) for n in range(8)]
    for child in children:
        child.start()
    start.set()
    for child in children:
        child.join(120)
    assert [child.exitcode for child in children] == [0] * 8
    with Records.open(REFERENCE, tmp_path) as records:
        assert len(records.list_events("k7f3q9wz2m")) == 40


def _die_while(root: str, where: str) -> None:
    """Kill this process when SQL that starts with ``where`` was executed, inside its transaction."""

    def die(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.lstrip().startswith(where):
            os.kill(os.getpid(), signal.SIGKILL)

    sa.event.listen(sa.Engine, "after_cursor_execute", die)
    with Records.open(REFERENCE, Path(root)) as records:
        records.append_all([event("pc-1"), event("pc-2")])


@pytest.mark.parametrize(
    "where",
    [
        "CREATE TABLE coffre_version",
        "CREATE TABLE events",
        "CREATE TRIGGER events_no_delete",
        "INSERT INTO coffre_version",
        "INSERT INTO events",
    ],
)
def test_killed_migration_or_append_leaves_all_or_nothing(tmp_path: Path, where: str) -> None:
    child = multiprocessing.get_context("fork").Process(target=_die_while, args=(str(tmp_path), where))
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL
    with Records.open(REFERENCE, tmp_path) as records:
        assert records.list_events("k7f3q9wz2m") == []
        records.append(event())
        assert len(records.list_events("k7f3q9wz2m")) == 1
