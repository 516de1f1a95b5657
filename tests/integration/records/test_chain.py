"""A dishonest employee with all rights on the database: each act is found, on SQLite and on PostgreSQL."""

import multiprocessing
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from coffre.observation.judge.continuity import acknowledge
from coffre.records.activity import RunOutcome, Usage
from coffre.records.actor import Author
from coffre.records.boots import AcceptedMachine, KnownBoot
from coffre.records.chain.verification import ChainFault, ChainReport, FaultKind, verify_chain
from coffre.records.database import tables
from coffre.records.database.store import Records
from coffre.records.events import EventKind
from coffre.records.memory import KnownSnapshot, Memory
from tests.tampering import TENANT_ID, TRIGGERS, event, recompute, unguarded

if TYPE_CHECKING:
    from conftest import Database

GONE = "m4ple9x2ya"
NOON = datetime(2026, 11, 2, 12, 30, 15, 123456, tzinfo=UTC)
TRIMMABLE = frozenset({EventKind.PASSWORD_USED, EventKind.DRILL})


@pytest.fixture
def records(database: "Database") -> Iterator[Records]:
    """Five events, of which the third is the use of a password, and one run that has ended."""
    with Records.open(database.reference, database.root) as opened:
        opened.append_all(
            [
                event(EventKind.INSTALL, "pc-1", generation=1, ratio=0.1, large=1e22, tiny=1e-7, whole=2.0, é=["😀"]),
                event(EventKind.COMMISSIONED, on="2026-12-01"),
                event(EventKind.PASSWORD_USED, "pc-1", reason="drill"),
                event(EventKind.DRILL, "pc-1", files=3),
                event(EventKind.GATE_CHANGE, "pc-1", is_open=False),
            ]
        )
        run = opened.start_run("drill", ["martin"], NOON, Author("claire@smileo.example", None))
        opened.finish_run(run, NOON + timedelta(minutes=1), RunOutcome.DONE)
        yield opened


@pytest.fixture
def engine(database: "Database", records: Records) -> Iterator[sa.Engine]:
    made = sa.create_engine(database.url.replace("postgresql://", "postgresql+psycopg://"))
    yield made
    made.dispose()


def verify(records: Records) -> ChainReport:
    return records.verify(trimmable=TRIMMABLE)


def first(records: Records) -> tuple[FaultKind, int | None, str | None, int | None]:
    found = verify(records).faults[0]
    return found.kind, found.position, found.subject, found.subject_id


MEMORY = Memory(
    report_number=9,
    sealed_since=NOON,
    packs=12,
    accepted=AcceptedMachine("ab" * 16, "", "pc-1", NOON),
    boots={"b": KnownBoot("b", "ab" * 16, "", "pc-1", is_own=True, booted_at=NOON)},
    snapshots={key: KnownSnapshot(key, NOON, number) for key, number in (("a" * 64, 9), ("b" * 64, None))},
)
FORGOTTEN = (
    "DELETE FROM known_snapshots WHERE report_number = 9",
    "DELETE FROM known_snapshots",
    "UPDATE known_snapshots SET released = 'pruned', released_at = seen_at WHERE report_number = 9",
    "UPDATE known_snapshots SET seen_at = '2026-11-02 12:30:15.123457'",
    "UPDATE known_snapshots SET report_number = NULL",
    "UPDATE known_snapshots SET machine = 'pc-2'",
    "INSERT INTO known_snapshots (tenant_id, machine, snapshot_id, seen_at) SELECT tenant_id, machine, 'c', seen_at "
    "FROM known_snapshots "
    "WHERE report_number = 9",
    "UPDATE machine_memory SET report_number = 8",
    "UPDATE machine_memory SET packs = NULL",
    "UPDATE machine_memory SET foreign_until = '2027-01-01 00:00:00'",
    "UPDATE machine_memory SET accepted_machine_id = 'cd'",
    "UPDATE known_boots SET last_number = 7",
    "DELETE FROM known_boots",
    "DELETE FROM machine_memory",
)


def test_a_changed_memory_of_a_machine_is_found(records: Records, engine: sa.Engine) -> None:
    records.change_memory(TENANT_ID, "pc-1", lambda _: MEMORY)
    assert verify(records).faults == ()
    for change in FORGOTTEN:
        found = faults_after(engine, change)
        assert found[0] == ChainFault(FaultKind.CHANGED, 8, "memory", None, TENANT_ID, "pc-1"), change
    records.append(event(EventKind.COMMISSIONED))
    for table in ("known_snapshots", "known_boots", "machine_memory"):
        with pytest.raises(sa.exc.DBAPIError, match="changes with its link"), engine.begin() as connection:
            connection.exec_driver_sql(f"DELETE FROM {table}")  # noqa: S608
    with unguarded(engine) as connection:
        for table in ("known_snapshots", "known_boots", "machine_memory"):
            connection.exec_driver_sql(f"DELETE FROM {table}")  # noqa: S608
    assert first(records) == (FaultKind.DELETED, 8, "memory", None)
    assert not records.read_memory(TENANT_ID, "pc-1").is_vouched


def test_a_memory_that_nobody_linked_is_found(records: Records, engine: sa.Engine) -> None:
    with unguarded(engine) as connection:
        connection.exec_driver_sql(f"INSERT INTO machine_memory (tenant_id, machine) VALUES ('{TENANT_ID}', 'pc-2')")  # noqa: S608
    (found,) = verify(records).faults
    assert found == ChainFault(FaultKind.INSERTED, None, "memory", None, TENANT_ID, "pc-2")


def test_a_changed_memory_goes_on_and_stays_found_until_somebody_says_why(records: Records, engine: sa.Engine) -> None:
    records.change_memory(TENANT_ID, "pc-1", lambda _: MEMORY)
    with unguarded(engine) as connection:
        connection.exec_driver_sql(FORGOTTEN[0])
    for packs in (13, 14):
        learned = records.change_memory(TENANT_ID, "pc-1", lambda each, packs=packs: replace(each, packs=packs))
        assert (learned.packs, learned.is_vouched) == (packs, False)
        assert [each.kind for each in verify(records).faults] == [FaultKind.CHANGED]
        assert not records.read_memory(TENANT_ID, "pc-1").is_vouched
    said = records.change_memory(TENANT_ID, "pc-1", lambda each: acknowledge(each, (), "acknowledged", NOON))
    assert said.is_vouched
    assert records.read_memory(TENANT_ID, "pc-1") == said
    assert verify(records).faults == ()


def test_a_forgotten_machine_leaves_a_link_of_nothing(records: Records) -> None:
    for _ in range(2):
        records.forget_memory(TENANT_ID, "pc-1")
    records.change_memory(TENANT_ID, "pc-1", lambda _: MEMORY)
    for _ in range(2):
        records.forget_memory(TENANT_ID, "pc-1")
    report = verify(records)
    assert (report.faults, report.tip.position) == ((), 9)
    assert records.read_memory(TENANT_ID, "pc-1").is_vouched


def test_honest_records_hold(records: Records) -> None:
    report = verify(records)
    assert report.faults == ()
    assert (report.tip.position, report.events, report.trimmed) == (7, 5, 0)
    assert report.tip == records.read_tip()
    assert records.find_hash(7) == report.tip.hash
    assert records.find_hash(8) is None


REWRITTEN_EVENTS = (
    "actor = 'anna@smileo.example'",
    "machine = 'pc-2'",
    "machine = NULL",
    "kind = 'drill'",
    "tenant_id = 'another'",
    "slug = 'durand'",
    '"commit" = NULL',
    "at = '2026-11-02 12:30:15.123457'",
    """details = '{"reason": "Drill"}'""",
    "details = '{}'",
)
REWRITTEN_RUNS = (
    "actor = 'anna'",
    "command = 'backup'",
    "started_at = '2026-11-01 12:30:15'",
    "outcome = 'failed'",
    "finished_at = NULL",
    "tenants = '[]'",
)


def faults_after(engine: sa.Engine, change: str) -> list[ChainFault]:
    """What a look would find after a change that is then undone."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            # Python's driver would end the transaction before a trigger is dropped.
            connection.connection.driver_connection.isolation_level = None
            connection.exec_driver_sql("BEGIN")
            for trigger in connection.exec_driver_sql(TRIGGERS).all():
                connection.exec_driver_sql(f"DROP TRIGGER {trigger.name}")
        else:
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        connection.exec_driver_sql(change)
        found = verify_chain(connection, (), TRIMMABLE).faults
        connection.exec_driver_sql("ROLLBACK")
        connection.rollback()
    return [each for each in found if each.kind is not FaultKind.GUARD]


def test_a_rewritten_event_is_found(records: Records, engine: sa.Engine) -> None:
    for change in REWRITTEN_EVENTS:
        (found,) = faults_after(engine, f"UPDATE events SET {change} WHERE id = 3")  # noqa: S608
        assert found == ChainFault(FaultKind.CHANGED, 3, "event", 3, TENANT_ID, "password_used"), change
    assert verify(records).faults == ()


def test_a_deleted_use_of_a_password_is_found(records: Records, engine: sa.Engine) -> None:
    with unguarded(engine) as connection:
        connection.exec_driver_sql("DELETE FROM events WHERE kind = 'password_used'")
    assert first(records) == (FaultKind.DELETED, 3, "event", 3)


def test_one_that_is_deleted_with_its_link_or_its_salt_is_found(records: Records, engine: sa.Engine) -> None:
    with unguarded(engine) as connection:
        connection.exec_driver_sql("DELETE FROM events WHERE id = 3")
        connection.exec_driver_sql("UPDATE chain SET salt = NULL WHERE position = 3")
    assert first(records) == (FaultKind.DELETED, 3, "event", 3)
    with unguarded(engine) as connection:
        connection.exec_driver_sql("DELETE FROM chain WHERE position = 3")
    assert first(records) == (FaultKind.GAP, 3, None, None)


def test_swapped_rows_and_changed_ids_are_found(records: Records, engine: sa.Engine) -> None:
    with unguarded(engine) as connection:
        connection.exec_driver_sql("UPDATE events SET id = 103 - id WHERE id IN (3, 4)")
        connection.exec_driver_sql("UPDATE events SET id = id - 96 WHERE id > 90")
    assert [(each.kind, each.position) for each in verify(records).faults] == [
        (FaultKind.CHANGED, 3),
        (FaultKind.CHANGED, 4),
    ]
    with unguarded(engine) as connection:
        connection.exec_driver_sql("UPDATE events SET id = 9 WHERE id = 3")
    assert first(records) == (FaultKind.DELETED, 3, "event", 3)
    assert (FaultKind.INSERTED, 9) in [(each.kind, each.subject_id) for each in verify(records).faults]


def test_an_event_put_in_without_a_link_is_found(records: Records, engine: sa.Engine) -> None:
    with unguarded(engine) as connection:
        connection.exec_driver_sql(
            "INSERT INTO events (id, tenant_id, slug, kind, at, actor, details) "
            "SELECT 6, tenant_id, slug, kind, at, actor, details FROM events WHERE id = 2"
        )
    assert first(records) == (FaultKind.INSERTED, None, "event", 6)


def test_a_link_put_in_between_breaks_the_next(records: Records, engine: sa.Engine) -> None:
    with unguarded(engine) as connection:
        rows = connection.execute(sa.select(tables.chain).order_by(tables.chain.c.position)).mappings().all()
        connection.exec_driver_sql("DELETE FROM chain WHERE position > 2")
        forged = {**rows[1], "position": 3, "subject_id": 6}
        moved = [{**row, "position": row["position"] + 1} for row in rows[2:]]
        connection.execute(sa.insert(tables.chain), [forged, *moved])
    assert first(records)[:2] == (FaultKind.BROKEN, 3)


def test_a_tail_that_is_cut_is_found(records: Records, engine: sa.Engine) -> None:
    with unguarded(engine) as connection:
        connection.exec_driver_sql("DELETE FROM chain WHERE position > 4")
        connection.exec_driver_sql("DELETE FROM events WHERE id > 4")
        connection.exec_driver_sql("DELETE FROM runs")
    assert first(records) == (FaultKind.CUT, 5, None, None)


def test_a_rewritten_run_is_found(records: Records, engine: sa.Engine) -> None:
    for change in REWRITTEN_RUNS:
        (found,) = faults_after(engine, f"UPDATE runs SET {change}")  # noqa: S608
        assert (found.kind, found.subject_id, found.position in (6, 7)) == (FaultKind.CHANGED, 1, True), change
    assert [each.kind for each in faults_after(engine, "DELETE FROM runs")] == [FaultKind.DELETED] * 2
    assert verify(records).faults == ()


def usage(day: int, machine: str = "pc-1", current: int = 10) -> Usage:
    return Usage(TENANT_ID, machine, date(2026, 11, day), current, 2 * current, NOON)


def test_a_day_of_usage_that_is_over_is_closed_and_a_change_of_it_found(records: Records, engine: sa.Engine) -> None:
    records.record_usage([usage(1), usage(1, "pc-2"), usage(2)])
    assert records.read_tip().position == 7
    records.record_usage([usage(3)])
    records.record_usage([usage(3, current=11)])
    assert records.read_tip().position == 8  # the first of the month alone
    assert verify(records).faults == ()
    for change in (
        "UPDATE usage SET current_bytes = 1 WHERE machine = 'pc-2'",
        "UPDATE usage SET machine = 'pc-3' WHERE machine = 'pc-2'",
        "DELETE FROM usage WHERE machine = 'pc-2'",
        "INSERT INTO usage SELECT tenant_id, measured_on, 'pc-3', 1, 1, measured_at FROM usage WHERE machine = 'pc-2'",
    ):
        (found,) = faults_after(engine, change)
        assert found == ChainFault(FaultKind.CHANGED, 8, "usage_day", None, TENANT_ID, "2026-11-01"), change
    (found,) = faults_after(engine, "DELETE FROM usage WHERE measured_on = '2026-11-01'")
    assert found.kind is FaultKind.DELETED


def test_a_measurement_of_a_closed_day_closes_it_again(records: Records) -> None:
    """A clock that was ahead closed it too early."""
    records.record_usage([usage(1), usage(9)])
    records.record_usage([usage(1, current=12)])
    assert records.read_tip().position == 9
    assert verify(records).faults == ()
    records.record_usage([usage(2)])
    records.record_usage([usage(9, current=13)])
    assert records.read_tip().position == 10
    assert verify(records).faults == ()


def test_a_run_put_in_is_found(records: Records, engine: sa.Engine) -> None:
    with unguarded(engine) as connection:
        connection.exec_driver_sql(
            "INSERT INTO runs (id, command, tenants, started_at, actor) "
            "SELECT 2, command, tenants, started_at, actor FROM runs"
        )
    assert first(records) == (FaultKind.INSERTED, None, "run", 2)


@pytest.mark.parametrize("trigger", ["events_linked", "chain_no_update", "runs_linked"])
def test_triggers_that_stay_away_or_come_back_toothless_are_named(
    records: Records, engine: sa.Engine, trigger: str
) -> None:
    table = trigger.partition("_")[0]
    on = "" if engine.dialect.name == "sqlite" else f" ON {table}"
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP TRIGGER {trigger}{on}")
    assert [(each.kind, each.guard) for each in verify(records).faults] == [(FaultKind.GUARD, trigger)]
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql(f"CREATE TRIGGER {trigger} BEFORE INSERT ON {table} WHEN 0 BEGIN SELECT 1; END")
        else:
            connection.exec_driver_sql(
                "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$"
            )
            connection.exec_driver_sql(
                f"CREATE TRIGGER {trigger} BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION nothing()"
            )
    assert [(each.kind, each.guard) for each in verify(records).faults] == [(FaultKind.GUARD, trigger)]


def test_a_disabled_trigger_is_named(postgresql_database: "Database") -> None:
    with Records.open(postgresql_database.reference, postgresql_database.root) as records:
        made = sa.create_engine(postgresql_database.url.replace("postgresql://", "postgresql+psycopg://"))
        with made.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE events DISABLE TRIGGER events_linked")
        made.dispose()
        assert [each.guard for each in verify(records).faults] == ["events_linked"]


def test_a_chain_that_is_made_anew_holds_and_has_another_hash(records: Records, engine: sa.Engine) -> None:
    """Nothing in the database can tell: that is what signed heads elsewhere are for."""
    before = records.find_hash(3)
    with unguarded(engine) as connection:
        connection.exec_driver_sql("DELETE FROM events WHERE kind = 'password_used'")
        recompute(connection)
    report = records.verify([3], TRIMMABLE)
    assert report.faults == ()
    assert report.hashes[3] != before


def trim(records: Records) -> None:
    records.append_all(
        [
            event(EventKind.PASSWORD_USED, "poste-1", GONE, reason="return"),
            event(EventKind.DRILL, "poste-1", GONE),
            event(EventKind.DEPARTURE, None, GONE, stage="verified", on="2027-05-01"),
        ]
    )
    records.trim(event(EventKind.RECORDS_TRIMMED, None, GONE, on="2027-05-01"), TRIMMABLE)


def test_trimming_keeps_the_chain_and_leaves_nothing_to_guess_from(records: Records, engine: sa.Engine) -> None:
    trim(records)
    report = verify(records)
    assert report.faults == ()
    assert report.trimmed == 2
    with engine.connect() as connection:
        mine = sa.select(tables.chain).where(tables.chain.c.tenant_id == GONE).order_by(tables.chain.c.position)
        rows = connection.execute(mine).mappings().all()
    assert [(row["kind"], row["salt"] is None) for row in rows] == [
        ("password_used", True),
        ("drill", True),
        ("departure", False),
        ("records_trimmed", False),
    ]
    assert "poste-1" not in str(rows[:2])
    records.append(event(EventKind.PASSWORD_USED, "pc-1", reason="after"))
    assert verify(records).faults == ()
    assert records.list_events(TENANT_ID)[-1].id == 10  # the ids of what was trimmed are not given again


def test_a_deletion_that_looks_like_a_trimming_is_found(records: Records, engine: sa.Engine) -> None:
    """The database's own way of trimming, used for a tenant that is there still, or for one event more."""
    trim(records)
    with engine.begin() as connection:
        connection.execute(sa.insert(tables.trimming), {"tenant_id": TENANT_ID, "kind": "password_used"})
        connection.exec_driver_sql("DELETE FROM events WHERE id = 3")
        connection.exec_driver_sql("UPDATE chain SET salt = NULL WHERE position = 3")
        connection.execute(sa.delete(tables.trimming))
    assert first(records) == (FaultKind.DELETED, 3, "event", 3)


def test_trimming_a_tenant_that_never_left_is_found(records: Records) -> None:
    records.trim(event(EventKind.RECORDS_TRIMMED, on="2027-05-01"), TRIMMABLE)
    assert [(each.kind, each.position) for each in verify(records).faults] == [
        (FaultKind.DELETED, 3),
        (FaultKind.DELETED, 4),
    ]


def test_trimming_kinds_that_are_kept_is_found(records: Records) -> None:
    records.append(event(EventKind.HOLD_PLACED, None, GONE, reference="R-1"))
    trim(records)
    records.trim(event(EventKind.RECORDS_TRIMMED, None, GONE, on="2027-05-01"), {EventKind.HOLD_PLACED})
    assert [each.event_kind for each in verify(records).faults] == ["hold_placed"]


def test_a_trimming_that_was_left_open_is_told(records: Records, engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(sa.insert(tables.trimming), {"tenant_id": TENANT_ID, "kind": "drill"})
    assert [each.kind for each in verify(records).faults] == [FaultKind.OPEN]


def change_while_trimming(engine: sa.Engine, change: str) -> None:
    """While a trimming is open only the salt of its own events may go."""
    with engine.begin() as connection:
        connection.execute(sa.insert(tables.trimming), {"tenant_id": TENANT_ID, "kind": "password_used"})
        connection.exec_driver_sql(change)


CHANGED_LINKS = (
    "UPDATE chain SET hash = 'x' WHERE position = 3",
    "UPDATE chain SET content = 'x' WHERE position = 3",
    "UPDATE chain SET salt = NULL WHERE position = 3",
    "UPDATE chain SET tenant_id = NULL WHERE position = 3",
    "DELETE FROM chain WHERE position = 3",
)


def test_the_database_itself_refuses_to_change_the_chain(records: Records, engine: sa.Engine) -> None:
    for change in CHANGED_LINKS:
        with pytest.raises(sa.exc.DBAPIError, match="the chain is append-only"), engine.begin() as connection:
            connection.exec_driver_sql(change)
        other = change.replace("SET salt = NULL", "SET salt = 'x'")
        with pytest.raises(sa.exc.DBAPIError, match="append-only"):
            change_while_trimming(engine, other)
    assert verify(records).faults == ()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE runs SET outcome = 'failed'",
        "DELETE FROM runs",
        "INSERT INTO runs SELECT 9, command, tenants, started_at, NULL, NULL, actor, NULL FROM runs",
        "INSERT INTO events SELECT 9, tenant_id, slug, kind, at, actor, NULL, NULL, details FROM events WHERE id = 1",
    ],
)
def test_the_database_itself_refuses_rows_without_a_link(records: Records, engine: sa.Engine, change: str) -> None:
    with pytest.raises(sa.exc.DBAPIError, match=r"link|append-only"), engine.begin() as connection:
        connection.exec_driver_sql(change)
    assert verify(records).faults == ()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE events SET at = 'yesterday' WHERE id = 3",
        "UPDATE events SET details = 'no JSON' WHERE id = 3",
        "UPDATE events SET details = x'00ff' WHERE id = 3",
        "UPDATE events SET actor = x'00ff' WHERE id = 3",
        "UPDATE chain SET position = 'three' WHERE position = 3",
        "UPDATE chain SET salt = 7 WHERE position = 3",
        "UPDATE chain SET content = x'00' WHERE position = 3",
        "UPDATE runs SET started_at = 'x', tenants = '['",
        "UPDATE events SET details = printf('%.20000c', '[') WHERE id = 3",
    ],
)
def test_rubbish_in_a_column_is_a_fault_and_no_end_of_the_look(
    sqlite_database: "Database", change: str, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue("sqlite_database")
    with Records.open(sqlite_database.reference, sqlite_database.root) as records:
        records.append_all([event(EventKind.INSTALL), event(EventKind.INSTALL), event(EventKind.INSTALL)])
        records.start_run("drill", [], NOON, Author("claire", None))
        made = sa.create_engine(sqlite_database.url)
        with unguarded(made) as connection:
            connection.exec_driver_sql(change)
        made.dispose()
        assert verify(records).faults


def _append(database: "Database", start: "multiprocessing.synchronize.Event", number: int) -> None:
    start.wait(60)
    with Records.open(database.reference, database.root, wait_seconds=60) as records:
        for turn in range(10):
            run = records.start_run("backup", [], NOON, Author(str(number), None))
            records.append_all([event(EventKind.DRILL, f"pc-{number}", turn=turn), event(EventKind.INSTALL)])
            records.finish_run(run, NOON, RunOutcome.DONE)


def test_writers_side_by_side_make_one_chain(database: "Database") -> None:
    context = multiprocessing.get_context("fork")
    start = context.Event()
    children = [context.Process(target=_append, args=(database, start, number)) for number in range(4)]
    for child in children:
        child.start()
    start.set()
    for child in children:
        child.join(120)
    assert [child.exitcode for child in children] == [0] * 4
    with Records.open(database.reference, database.root) as records:
        report = verify(records)
        assert report.faults == ()
        assert (report.tip.position, report.events) == (160, 80)
        ids = [each.id for each in records.list_events(TENANT_ID)]
        assert ids == list(range(1, 81))  # no gap, on either database
        turns = [each.details["turn"] for each in records.list_events(TENANT_ID, EventKind.DRILL, "pc-1")]
        assert turns == list(range(10))
