"""Records behave the same on SQLite and on PostgreSQL."""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from pydantic import SecretStr

from coffre.errors import BusyError, ExpectedError, RefusedError
from coffre.records.activity import RunOutcome, Usage
from coffre.records.actor import Author
from coffre.records.database import schema, tables
from coffre.records.database.store import Records
from coffre.records.events import Event, EventKind

if TYPE_CHECKING:
    from conftest import Database

TENANT_ID = "k7f3q9wz2m"
NOON = datetime(2026, 11, 2, 12, 30, 15, 123456, tzinfo=UTC)
CLAIRE = Author("claire@example.org", "0f3a+dirty")


def event(kind: EventKind = EventKind.INSTALL, machine: str | None = None, **details: object) -> Event:
    return Event(TENANT_ID, "martin", kind, NOON, CLAIRE.actor, CLAIRE.commit, machine, details)


@pytest.fixture
def records(database: "Database") -> Iterator[Records]:
    with Records.open(database.reference, database.root) as opened:
        yield opened


@pytest.fixture
def raw(database: "Database", records: Records) -> Iterator[sa.Engine]:
    """The same database by another way than Coffre's, with its superuser's rights."""
    engine = sa.create_engine(database.url.replace("postgresql://", "postgresql+psycopg://"))
    yield engine
    engine.dispose()


def test_event_comes_back_as_it_was_added(records: Records) -> None:
    details = {"quota_bytes": 2**53 + 1, "amendments": ["AV-1"], "ratio": 0.1, "none": None, "é": {"nested": True}}
    records.append(event(machine="pc-1", **details))
    (found,) = records.list_events(TENANT_ID)
    assert replace(found, id=None) == event(machine="pc-1", **details)
    assert found.id is not None


def test_moments_are_utc_whatever_zone_they_came_in(records: Records) -> None:
    paris = timezone(timedelta(hours=1))
    records.append(replace(event(), at=NOON.astimezone(paris)))
    (found,) = records.list_events(TENANT_ID)
    assert found.at == NOON
    assert found.at.tzinfo is UTC


def test_events_without_commit_or_machine_are_kept_so(records: Records) -> None:
    records.append(replace(event(), commit=None))
    (found,) = records.list_events(TENANT_ID)
    assert (found.commit, found.machine, found.details) == (None, None, {})


def test_events_are_listed_in_the_order_they_were_added_even_when_the_clock_goes_back(records: Records) -> None:
    records.append(event(machine="first"))
    records.append(replace(event(machine="second"), at=NOON - timedelta(days=1)))
    assert [found.machine for found in records.list_events(TENANT_ID)] == ["first", "second"]
    last = records.find_last(TENANT_ID, EventKind.INSTALL)
    assert last is not None
    assert last.machine == "second"


def test_events_are_found_by_tenant_kind_and_machine(records: Records) -> None:
    records.append_all(
        [
            event(EventKind.INSTALL, "pc-1", turn=1),
            event(EventKind.REMOVAL, "pc-1", turn=2),
            event(EventKind.INSTALL, "pc-2", turn=3),
            replace(event(EventKind.INSTALL, "pc-1", turn=4), tenant_id="another"),
        ]
    )

    def turns(found: list[Event]) -> list[object]:
        return [one.details["turn"] for one in found]

    assert turns(records.list_events(TENANT_ID)) == [1, 2, 3]
    assert turns(records.list_events(TENANT_ID, EventKind.INSTALL)) == [1, 3]
    assert turns(records.list_events(TENANT_ID, EventKind.INSTALL, "pc-1")) == [1]
    assert turns(records.list_events(TENANT_ID, machine="pc-1")) == [1, 2]
    last = records.find_last(TENANT_ID, EventKind.INSTALL, "pc-1")
    assert last is not None
    assert last.details == {"turn": 1}
    assert records.has(TENANT_ID, EventKind.REMOVAL)
    assert records.has(TENANT_ID, EventKind.REMOVAL, "pc-1")
    assert not records.has(TENANT_ID, EventKind.REMOVAL, "pc-2")
    assert not records.has(TENANT_ID, EventKind.COMMISSIONED)
    assert records.find_last(TENANT_ID, EventKind.COMMISSIONED) is None


def test_every_kind_of_event_comes_back(records: Records) -> None:
    records.append_all(event(kind) for kind in EventKind)
    assert [found.kind for found in records.list_events(TENANT_ID)] == list(EventKind)


def test_several_events_are_added_together_or_not_at_all(records: Records) -> None:
    with pytest.raises(RefusedError):
        records.append_all([event(), event(password="hunter2")])
    with pytest.raises(RefusedError):
        records.append(event(value=SecretStr("hunter2")))
    assert records.list_events(TENANT_ID) == []
    records.append_all([])
    assert records.list_events(TENANT_ID) == []


def test_file_names_of_any_bytes_can_be_recorded(records: Records) -> None:
    records.append(event(EventKind.DRILL, files=[b"caf\xe9".decode("utf-8", "surrogateescape"), "nul\0", "😀"]))
    (found,) = records.list_events(TENANT_ID)
    assert found.details == {"files": ["caf\\udce9", "nul\\x00", "😀"]}


def test_events_are_there_for_the_next_opening(database: "Database", records: Records) -> None:
    records.append(event())
    records.close()
    with Records.open(database.reference, database.root) as again:
        assert again.has(TENANT_ID, EventKind.INSTALL)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET actor = 'nobody'",
        "UPDATE events SET details = '{}' WHERE id = 1",
        "DELETE FROM events",
        "DELETE FROM events WHERE id = 1",
    ],
)
def test_database_itself_refuses_to_change_or_delete_an_event(records: Records, raw: sa.Engine, statement: str) -> None:
    records.append(event(machine="pc-1"))
    with pytest.raises(sa.exc.DBAPIError, match="events are append-only"), raw.begin() as connection:
        connection.exec_driver_sql(statement)
    (found,) = records.list_events(TENANT_ID)
    assert replace(found, id=None) == event(machine="pc-1")


@pytest.mark.parametrize("table", ["events", "usage", "runs"])
def test_migrations_make_the_tables_that_the_code_uses(raw: sa.Engine, table: str) -> None:
    with raw.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": schema.VERSION_TABLE})
        assert compare_metadata(context, tables.metadata) == []
        assert sa.inspect(connection).has_table(table)


def test_database_of_a_newer_coffre_is_refused_and_left_alone(database: "Database", raw: sa.Engine) -> None:
    with raw.begin() as connection:
        connection.exec_driver_sql("UPDATE coffre_version SET version_num = '9999'")
    with pytest.raises(ExpectedError, match="was written by a newer Coffre") as caught:
        Records.open(database.reference, database.root)
    assert "Update Coffre" in caught.value.hint
    assert "9999" in caught.value.message
    with raw.connect() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM coffre_version").scalar() == "9999"


def usage(machine: str, day: int, current: int) -> Usage:
    return Usage(TENANT_ID, machine, date(2026, 11, day), current, current * 2, NOON)


def test_usage_is_one_row_a_day_and_machine_and_the_last_measurement_stands(records: Records) -> None:
    records.record_usage([usage("pc-1", 1, 10), usage("pc-2", 1, 2**45)])
    records.record_usage([usage("pc-1", 1, 30), usage("pc-1", 2, 5), usage("pc-1", 3, 6)])
    records.record_usage([])
    assert records.list_usage(TENANT_ID, date(2026, 11, 1), date(2026, 11, 2)) == [
        usage("pc-1", 1, 30),
        usage("pc-2", 1, 2**45),
        usage("pc-1", 2, 5),
    ]
    assert records.list_usage("another", date(2026, 11, 1), date(2026, 11, 30)) == []


def test_runs_are_kept_with_their_end(records: Records) -> None:
    first = records.start_run("apply", ["martin", "durand"], NOON, CLAIRE)
    second = records.start_run("rotate", [], NOON, Author("ci", None))
    records.finish_run(first, NOON + timedelta(minutes=1), RunOutcome.FAILED)
    newest, oldest = records.list_runs()
    assert (newest.id, newest.command, newest.finished_at, newest.outcome) == (second, "rotate", None, None)
    assert (newest.actor, newest.commit) == ("ci", None)
    assert oldest.tenants == ("martin", "durand")
    assert (oldest.started_at, oldest.finished_at) == (NOON, NOON + timedelta(minutes=1))
    assert oldest.outcome is RunOutcome.FAILED


def test_a_run_ends_once(records: Records) -> None:
    run = records.start_run("apply", [], NOON, CLAIRE)
    records.finish_run(run, NOON, RunOutcome.DONE)
    for wrong in (run, run + 1):
        with pytest.raises(ValueError, match="is not in progress"):
            records.finish_run(wrong, NOON, RunOutcome.FAILED)
    assert records.list_runs()[0].outcome is RunOutcome.DONE


def _open_and_append(database: "Database", start: "multiprocessing.synchronize.Event", number: int) -> None:
    start.wait(60)
    with Records.open(database.reference, database.root, wait_seconds=60) as records:
        for turn in range(5):
            records.append(event(machine=f"pc-{number}-{turn}"))


def test_first_openings_side_by_side_do_not_fight(database: "Database") -> None:
    context = multiprocessing.get_context("fork")
    start = context.Event()
    children = [context.Process(target=_open_and_append, args=(database, start, number)) for number in range(6)]
    for child in children:
        child.start()
    start.set()
    for child in children:
        child.join(120)
    assert [child.exitcode for child in children] == [0] * 6
    with Records.open(database.reference, database.root) as records:
        assert len(records.list_events(TENANT_ID)) == 30


def _die_while(database: "Database", where: str) -> None:
    def die(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.lstrip().startswith(where):
            os.kill(os.getpid(), signal.SIGKILL)

    sa.event.listen(sa.Engine, "after_cursor_execute", die)
    with Records.open(database.reference, database.root) as records:
        records.append_all([event(), event()])


@pytest.mark.parametrize("where", ["CREATE TABLE events", "INSERT INTO coffre_version", "INSERT INTO events"])
def test_killed_migration_or_append_leaves_all_or_nothing(database: "Database", where: str) -> None:
    child = multiprocessing.get_context("fork").Process(target=_die_while, args=(database, where))
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL
    with Records.open(database.reference, database.root) as records:
        assert records.list_events(TENANT_ID) == []
        records.append(event())
        assert len(records.list_events(TENANT_ID)) == 1


def test_locked_table_is_busy_after_a_bounded_wait(database: "Database", raw: sa.Engine) -> None:
    lock = "BEGIN IMMEDIATE" if database.kind == "sqlite" else "LOCK TABLE events"
    with Records.open(database.reference, database.root, wait_seconds=0.3) as impatient, raw.connect() as other:
        other.exec_driver_sql(lock)
        with pytest.raises(BusyError, match="is locked by another process") as caught:
            impatient.append(event())
        assert caught.value.hint
        other.rollback()
        impatient.append(event())


def test_reference_without_its_variable_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COFFRE_TEST_RECORDS", raising=False)
    with pytest.raises(ExpectedError, match="COFFRE_TEST_RECORDS is not set"):
        Records.open("env:COFFRE_TEST_RECORDS", tmp_path)


def test_trimming_takes_one_tenants_events_of_the_kinds_named_and_says_so(records: Records, raw: sa.Engine) -> None:
    records.append_all([event(EventKind.GATE_CHANGE), event(EventKind.GATE_CHANGE), event()])
    records.append(replace(event(EventKind.GATE_CHANGE), tenant_id="m4ple9x2ya"))
    trimmed = event(EventKind.RECORDS_TRIMMED, on="2027-05-01")
    kinds = {EventKind.GATE_CHANGE, EventKind.DRILL}
    assert records.trim(trimmed, kinds) == {EventKind.GATE_CHANGE: 2}
    assert records.trim(trimmed, kinds) == {}
    left = records.list_events(TENANT_ID)
    assert [each.kind for each in left] == [EventKind.INSTALL, EventKind.RECORDS_TRIMMED]
    assert left[-1].details == {"on": "2027-05-01", "trimmed": [{"kind": "gate_change", "count": 2}], "links": True}
    assert len(records.list_events("m4ple9x2ya")) == 1
    with pytest.raises(sa.exc.DBAPIError, match="events are append-only"), raw.begin() as connection:
        connection.exec_driver_sql("DELETE FROM events")


def test_what_is_being_trimmed_opens_no_way_for_other_kinds(records: Records, raw: sa.Engine) -> None:
    records.append_all([event(), event(EventKind.GATE_CHANGE)])
    with raw.begin() as connection:
        connection.execute(sa.insert(tables.trimming), {"tenant_id": TENANT_ID, "kind": "gate_change"})
    with pytest.raises(sa.exc.DBAPIError, match="events are append-only"), raw.begin() as connection:
        connection.exec_driver_sql("DELETE FROM events")
    assert len(records.list_events(TENANT_ID)) == 2


def test_after_trimming_nothing_more_can_go(records: Records, raw: sa.Engine) -> None:
    records.append(event(EventKind.GATE_CHANGE))
    records.trim(event(EventKind.RECORDS_TRIMMED), {EventKind.GATE_CHANGE})
    with raw.connect() as connection:
        assert connection.execute(sa.select(tables.trimming)).all() == []


def test_events_are_asked_for_by_kind_tenant_machine_and_time(records: Records) -> None:
    begin = datetime(2027, 1, 1, 12, tzinfo=UTC)
    told = [
        (EventKind.INSTALL, "pc-1", TENANT_ID),
        (EventKind.DRILL, "pc-1", TENANT_ID),
        (EventKind.INSTALL, "pc-2", TENANT_ID),
        (EventKind.INSTALL, "pc-1", "another"),
    ]
    records.append_all(
        replace(event(kind, machine, turn=turn), tenant_id=tenant_id, at=begin + timedelta(hours=turn))
        for turn, (kind, machine, tenant_id) in enumerate(told)
    )

    def ask(tenant_id: str | None, *kinds: EventKind, **bounds: Any) -> list[object]:
        return [each.details["turn"] for each in records.select_events(tenant_id, kinds, **bounds)]

    assert ask(TENANT_ID, EventKind.INSTALL) == [0, 2]
    assert ask(TENANT_ID, EventKind.INSTALL, EventKind.DRILL) == [0, 1, 2]
    assert ask(None, EventKind.INSTALL) == [0, 2, 3]
    assert ask(None, EventKind.INSTALL, machine="pc-1") == [0, 3]
    second, third = begin + timedelta(hours=1), begin + timedelta(hours=2)
    assert ask(TENANT_ID, EventKind.INSTALL, EventKind.DRILL, since=second) == [1, 2]
    assert ask(TENANT_ID, EventKind.INSTALL, EventKind.DRILL, until=third) == [0, 1]
    assert ask(TENANT_ID, EventKind.INSTALL, EventKind.DRILL, since=second, until=third) == [1]
    assert ask(TENANT_ID) == []
