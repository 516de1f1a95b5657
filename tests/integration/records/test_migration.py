"""Databases that the version before wrote come to the form of today whole or not at all, and lose nothing."""

import multiprocessing
import os
import signal
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
import sqlalchemy as sa

from coffre.records.activity import RunOutcome
from coffre.records.database.store import Records
from coffre.records.events import Event, EventKind
from coffre.records.memory import Memory
from coffre.workspace.clock import utc_now

if TYPE_CHECKING:
    from conftest import Database

CASES = Path(__file__).parents[2] / "cases" / "records"
TENANT_ID = "k7f3q9wz2m"
GONE = "m4ple9x2ya"
TRIMMABLE = frozenset({EventKind.PASSWORD_USED, EventKind.DRILL})


@pytest.fixture
def old(database: "Database") -> "Database":
    """What version 0002 left: eight events, of which two more were trimmed, a run that ended and one that did not."""
    return load(database, "0002")


def load(database: "Database", version: str) -> "Database":
    text = (CASES / f"version-{version}.{database.kind}.sql").read_text(encoding="utf-8")
    if database.kind == "postgresql":
        with psycopg.connect(database.url, autocommit=True) as connection:
            connection.execute(text)
    else:
        file = database.root / ".coffre" / "records.db"
        file.parent.mkdir()
        connection = sqlite3.connect(file)
        connection.executescript(text)
        connection.close()
    return database


def test_old_records_get_their_chain_and_lose_nothing(old: "Database") -> None:
    with Records.open(old.reference, old.root) as records:
        report = records.verify(trimmable=TRIMMABLE)
        assert report.faults == ()
        assert (report.tip.position, report.events, report.trimmed) == (11, 8, 0)
        assert [each.id for each in records.list_events(TENANT_ID)] == [1, 2, 3, 4, 5, 10]
        install = records.find_last(TENANT_ID, EventKind.INSTALL)
        assert install is not None
        assert install.details["é"] == {"clé": ["😀", 'a"b\\c']}
        newest, oldest = records.list_runs()
        assert (oldest.outcome, newest.outcome) == (RunOutcome.DONE, None)


def test_old_records_go_on(old: "Database") -> None:
    with Records.open(old.reference, old.root) as records:
        added = records.append(Event(TENANT_ID, "boulangerie-martin", EventKind.PASSWORD_USED, utc_now(), "paul"))
        assert added.id == 11
        records.finish_run(2, utc_now(), RunOutcome.DONE)
        trimmed = Event(GONE, "garage-durand", EventKind.RECORDS_TRIMMED, utc_now(), "paul")
        records.append(Event(GONE, "garage-durand", EventKind.DRILL, utc_now(), "paul"))
        assert records.trim(trimmed, TRIMMABLE) == {EventKind.DRILL: 1}
    with Records.open(old.reference, old.root) as records:
        report = records.verify(trimmable=TRIMMABLE)
        assert report.faults == ()
        assert report.trimmed == 1


def test_what_was_trimmed_before_there_was_a_chain_covers_no_later_deletion(old: "Database") -> None:
    """Its event says that one use of a password went: nobody may have another one go on that account."""
    with Records.open(old.reference, old.root) as records:
        records.append(Event(GONE, "garage-durand", EventKind.PASSWORD_USED, utc_now(), "paul"))
        made = sa.create_engine(old.url.replace("postgresql://", "postgresql+psycopg://"))
        with made.begin() as connection:
            connection.exec_driver_sql(f"INSERT INTO trimming VALUES ('{GONE}', 'password_used')")  # noqa: S608
            connection.exec_driver_sql("DELETE FROM events WHERE id = 11")
            connection.exec_driver_sql("UPDATE chain SET salt = NULL WHERE subject = 'event' AND subject_id = 11")
            connection.exec_driver_sql("DELETE FROM trimming")
        made.dispose()
        assert [each.subject_id for each in records.verify(trimmable=TRIMMABLE).faults] == [11]


def _die_while(database: "Database", where: str) -> None:
    def die(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.lstrip().startswith(where):
            os.kill(os.getpid(), signal.SIGKILL)

    sa.event.listen(sa.Engine, "after_cursor_execute", die)
    Records.open(database.reference, database.root).close()


@pytest.mark.parametrize(
    "where",
    ["CREATE TABLE chain", "CREATE TRIGGER events_linked", "INSERT INTO chain ", "UPDATE chain_tip", "UPDATE coffre"],
)
def test_a_killed_migration_leaves_the_old_form_whole(old: "Database", where: str) -> None:
    child = multiprocessing.get_context("fork").Process(target=_die_while, args=(old, where))
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL
    made = sa.create_engine(old.url.replace("postgresql://", "postgresql+psycopg://"))
    with made.connect() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM coffre_version").scalar() == "0002"
        assert not sa.inspect(connection).has_table("chain")
    made.dispose()
    with Records.open(old.reference, old.root) as records:
        assert records.verify(trimmable=TRIMMABLE).faults == ()
        assert len(records.list_events(TENANT_ID)) == 6


def _open(database: "Database", start: "multiprocessing.synchronize.Event") -> None:
    start.wait(60)
    with Records.open(database.reference, database.root, wait_seconds=60) as records:
        records.append(Event(TENANT_ID, "boulangerie-martin", EventKind.DRILL, utc_now(), "paul"))


def test_old_records_opened_by_several_are_migrated_once(old: "Database") -> None:
    context = multiprocessing.get_context("fork")
    start = context.Event()
    children = [context.Process(target=_open, args=(old, start)) for _ in range(4)]
    for child in children:
        child.start()
    start.set()
    for child in children:
        child.join(120)
    assert [child.exitcode for child in children] == [0] * 4
    with Records.open(old.reference, old.root) as records:
        report = records.verify(trimmable=TRIMMABLE)
        assert report.faults == ()
        assert report.tip.position == 15


def test_what_was_remembered_before_it_had_links_gets_them(database: "Database") -> None:
    """Three machines of two tenants, of which one has marks alone."""
    load(database, "0005")
    with Records.open(database.reference, database.root) as records:
        report = records.verify(trimmable=TRIMMABLE)
        assert report.faults == ()
        assert (report.tip.position, report.events) == (4, 1)
        memory = records.read_memory(TENANT_ID, "compta-01")
        assert (memory.report_number, len(memory.snapshots), memory.is_vouched) == (2**62, 2, True)
        assert records.read_memory(GONE, "pc-1") == Memory(report_number=5)
        records.change_memory(TENANT_ID, "caisse-01", lambda memory: replace(memory, foreign_until=utc_now()))
        assert records.verify(trimmable=TRIMMABLE).faults == ()
        made = sa.create_engine(database.url.replace("postgresql://", "postgresql+psycopg://"))
        with pytest.raises(sa.exc.DBAPIError, match="changes with its link"), made.begin() as connection:
            # As a Coffre of before that is still at work would.
            connection.exec_driver_sql("UPDATE machine_memory SET packs = 13 WHERE machine = 'compta-01'")
        made.dispose()
