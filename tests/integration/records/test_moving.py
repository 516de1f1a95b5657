"""The records move from SQLite to PostgreSQL: every row and the chain, killed anywhere; nobody uses the old ones."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from coffre.errors import ExpectedError, RefusedError
from coffre.records.activity import RunOutcome, Usage
from coffre.records.actor import Author
from coffre.records.applied_files import AppliedFile
from coffre.records.chain.heads import sign_head
from coffre.records.database import moving, tables
from coffre.records.database.location import locate
from coffre.records.database.moving import RecordsMoved, move_records
from coffre.records.database.store import Records
from coffre.records.database.supervision import Noted, Watched
from coffre.records.events import Event, EventKind
from coffre.records.kept_findings import FindingPlace, KeptFinding
from coffre.records.memory import KnownSnapshot
from coffre.records.messages import Audience, Message, MessageKind, Told
from coffre.records.probes import one_probe
from coffre.records.saved_plans import SavedPlan
from coffre.secrets.minting import new_signing_key
from coffre.workspace.clock import utc_now

if TYPE_CHECKING:
    from conftest import Database

TENANT, AUTHOR = "k7f3q9wz2m", Author("claire@smileo.example", "1a2b3c")
SNAPSHOT = "ab" * 32
PLAN = SavedPlan(TENANT, "cd" * 32, datetime(2026, 11, 2, 9, tzinfo=UTC), "{}")


def event(number: int = 0) -> Event:
    at = datetime(2026, 11, 2, 8, 30, 15, 123456, UTC) + timedelta(seconds=number)
    details = {"agent": "restic", "count": number, "share": 0.25, "names": ["é", "\u2028"], "none": None}
    return Event(TENANT, "martin", EventKind.INSTALL, at, "claire", machine="compta-01", details=details)


def fill(records: Records) -> None:
    """Add some of everything that records hold."""
    run = records.start_run("apply", ["martin"], utc_now(), AUTHOR)
    records.append_all([event(number) for number in range(5)])
    for day in (2, 3, 4):
        at = datetime(2026, 11, day, 12, tzinfo=UTC)
        records.record_usage([Usage(TENANT, "compta-01", date(2026, 11, day), 5_000_000_000, 6_000_000_000, at)])
    records.change_memory(
        TENANT,
        "compta-01",
        lambda memory: type(memory)(
            **{**vars(memory), "report_number": 7, "snapshots": {SNAPSHOT: KnownSnapshot(SNAPSHOT, utc_now())}}
        ),
    )
    records.finish_run(run, utc_now(), RunOutcome.DONE)
    records.start_run("backup", ["martin"], utc_now(), AUTHOR)
    records.add_head(sign_head(records.read_tip(), new_signing_key(), utc_now()), "file:x")
    records.save_plan(PLAN, PLAN.saved_at)
    supervision, at = records.supervision, utc_now()
    supervision.keep_applied_files([AppliedFile(TENANT, b"name: Martin")])
    supervision.end_pass(supervision.begin_pass(at, 1), at, 1)
    finding = KeptFinding(FindingPlace(TENANT, "", "compta-01", "backup_late"), "martin", at, at, {"due_at": "a"})
    records.messages.add(
        [
            Message(
                Audience.CHANNEL, "ops", TENANT, "martin", MessageKind.FINDING, "[]", "x", Told.BEGIN, {"é": 1}, at, at
            )
        ]
    )
    supervision.note([Noted(TENANT, at, {"compta-01": Watched(at, "m", {"a": 1})}, [finding])])
    records.availability.add_probes([one_probe("lab", at, 20), one_probe("lab", at + timedelta(minutes=1), 20)])


@pytest.fixture
def old(sqlite_database: "Database") -> "Database":
    with Records.open(sqlite_database.reference, sqlite_database.root) as records:
        fill(records)
    return sqlite_database


def move(old: "Database", new: "Database") -> RecordsMoved:
    return move_records(locate(old.reference, old.root), locate(new.reference, new.root), (), 5)


def rows(database: "Database") -> dict[str, list[sa.RowMapping]]:
    engine = sa.create_engine(database.url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        found = {
            table.name: list(connection.execute(sa.select(table).order_by(*table.primary_key)).mappings())
            for table in tables.metadata.sorted_tables
        }
    engine.dispose()
    return found


def test_everything_moves_and_goes_on_there(old: "Database", postgresql_database: "Database") -> None:
    before = rows(old)
    assert all(before[name] for name in before if name != "trimming" and name != "known_boots")
    done = move(old, postgresql_database)
    assert not done.was_copied
    assert done.links == before["chain_tip"][0]["position"]
    assert rows(postgresql_database) == before
    with Records.open(postgresql_database.reference, postgresql_database.root) as records:
        report = records.verify()
        assert report.fault_count == 0
        assert records.append(event(9)).id == 6
        records.add_head(sign_head(records.read_tip(), new_signing_key(), utc_now()), "file:x")
        assert len(records.list_heads()) == 2
        assert records.verify().fault_count == 0


def test_nobody_goes_on_with_the_old_ones(old: "Database", postgresql_database: "Database") -> None:
    with Records.open(old.reference, old.root) as before:  # a command that was at work meanwhile
        move(old, postgresql_database)
        with pytest.raises(RefusedError, match="was moved to the records database records_"):
            Records.open(old.reference, old.root)
        for write in (
            lambda: before.append(event(9)),
            lambda: before.start_run("apply", ["martin"], utc_now(), AUTHOR),
            lambda: before.record_usage([Usage(TENANT, "x", date(2026, 11, 9), 1, 1, utc_now())]),
            lambda: before.save_plan(PLAN, PLAN.saved_at),
            lambda: before.add_head(sign_head(before.read_tip(), new_signing_key(), utc_now()), "file:x"),
        ):
            with pytest.raises(ExpectedError, match="these records were moved"):
                write()


def killed_at(monkeypatch: pytest.MonkeyPatch, name: str) -> Callable[[], None]:
    def kill(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(moving, name, kill)
    return monkeypatch.undo


@pytest.mark.parametrize("step", ["_copy_all", "_refuse_unequal", "mark_statements"])
def test_killed_anywhere_it_is_run_again(
    old: "Database", postgresql_database: "Database", monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    with monkeypatch.context() as patch:
        killed_at(patch, step)
        with pytest.raises(KeyboardInterrupt):
            move(old, postgresql_database)
    with Records.open(old.reference, old.root) as records:
        records.append(event(9))  # the old ones count still, and went on
    before = rows(old)
    done = move(old, postgresql_database)
    assert not done.was_copied
    assert rows(postgresql_database) == before
    assert move(old, postgresql_database).was_copied


def test_records_that_went_on_in_the_new_place_stay(old: "Database", postgresql_database: "Database") -> None:
    move(old, postgresql_database)
    with Records.open(postgresql_database.reference, postgresql_database.root) as records:
        records.append(event(9))
    after = rows(postgresql_database)
    assert move(old, postgresql_database).was_copied
    assert rows(postgresql_database) == after


def test_a_database_with_records_of_its_own_is_refused(old: "Database", postgresql_database: "Database") -> None:
    with Records.open(postgresql_database.reference, postgresql_database.root) as records:
        records.append(event())
    before = rows(postgresql_database)
    with pytest.raises(RefusedError, match="has records of its own"):
        move(old, postgresql_database)
    assert rows(postgresql_database) == before
    with Records.open(old.reference, old.root) as records:
        records.append(event(9))


def test_a_chain_that_is_not_whole_does_not_move(old: "Database", postgresql_database: "Database") -> None:
    engine = sa.create_engine(old.url)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER events_no_update")
        connection.exec_driver_sql("UPDATE events SET actor = 'pirate' WHERE id = 2")
    engine.dispose()
    with pytest.raises(RefusedError, match=r"the chain of .* is not whole"):
        move(old, postgresql_database)
    assert rows(postgresql_database)["events"] == []


def test_only_from_a_file_to_a_server(old: "Database", postgresql_database: "Database", tmp_path: Path) -> None:
    for one, other in ((postgresql_database, postgresql_database), (old, old)):
        with pytest.raises(RefusedError, match="records move from SQLite to PostgreSQL"):
            move(one, other)
