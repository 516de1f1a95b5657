"""What is remembered of machines: written as it changes, forgotten with their backups, in databases of before too."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from coffre.records.boots import AcceptedMachine, KnownBoot
from coffre.records.database.store import Records
from coffre.records.memory import KnownSnapshot, Memory
from tests.tampering import unguarded

REFERENCE = "sqlite:.coffre/records.db"
NOW = datetime(2026, 11, 24, 3, 4, 5, 678901, tzinfo=UTC)
TENANT, MACHINE = "k7f3q9wz2m", "compta-01"


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    with Records.open(REFERENCE, tmp_path) as records:
        yield records


def known(snapshot_id: str, number: int | None = None) -> KnownSnapshot:
    return KnownSnapshot(snapshot_id, NOW, number)


FULL = Memory(
    report_number=2**62,
    accounted_number=41,
    sealed_since=NOW,
    clean_until=NOW + timedelta(microseconds=1),
    begun_at=NOW,
    check_in_number=7,
    packs=12,
    pack_bytes=2**40,
    identified_since=NOW,
    accepted=AcceptedMachine("ab" * 16, "", "compta-01", NOW),
    boots={
        "b1": KnownBoot("b1", "ab" * 16, "", "compta-01", True, True, NOW, NOW, NOW, NOW, "cc" * 16, 2**53, 1),
        "b2": KnownBoot("b2", "cd" * 16, "ef" * 16, "copie", False),
    },
    foreign_until=NOW,
    snapshots={"aa": known("aa", 41), "bb": replace(known("bb"), released="pruned", released_at=NOW)},
)


def test_what_was_never_seen_is_remembered_as_nothing(records: Records) -> None:
    assert records.read_memory(TENANT, MACHINE) == Memory()
    assert records.change_memory(TENANT, MACHINE, lambda memory: memory) == Memory()


def test_the_memories_of_a_tenant_at_once_are_those_of_each_machine(records: Records, tmp_path: Path) -> None:
    for number, name in enumerate((MACHINE, "caisse-01", "poste-01", "poste-02")):
        for memory in (FULL, replace(FULL, packs=number)):
            records.change_memory(TENANT, name, lambda _, memory=memory: memory)
    records.change_memory("k7f3q9wz2n", MACHINE, lambda _: FULL)
    records.forget_memory(TENANT, "poste-01")
    with unguarded(sa.create_engine(f"sqlite:///{tmp_path}/.coffre/records.db")) as database:
        database.exec_driver_sql("UPDATE machine_memory SET packs = 99 WHERE machine = 'caisse-01'")
        database.exec_driver_sql("DELETE FROM known_boots WHERE machine = 'poste-02'")
        database.exec_driver_sql("INSERT INTO machine_memory (tenant_id, machine) VALUES (?, 'poste-09')", (TENANT,))
        database.exec_driver_sql("UPDATE machine_memory SET packs = 3 WHERE machine = 'poste-09'")
    found = records.read_memories(TENANT)
    one_by_one = {name: records.read_memory(TENANT, name) for name in found}
    assert {name: (each, each.is_vouched) for name, each in found.items()} == {
        name: (each, each.is_vouched) for name, each in one_by_one.items()
    }
    vouched = {name: each.is_vouched for name, each in found.items()}
    assert vouched == {MACHINE: True, "caisse-01": False, "poste-01": True, "poste-02": False, "poste-09": False}
    assert found["poste-01"] == Memory()


def test_it_reads_back_as_it_was_written_and_for_its_machine_alone(records: Records) -> None:
    assert records.change_memory(TENANT, MACHINE, lambda _: FULL) == FULL
    assert records.read_memory(TENANT, MACHINE) == FULL
    assert records.read_memory(TENANT, "caisse-01") == records.read_memory("k7f3q9wz2n", MACHINE) == Memory()
    fewer = replace(
        FULL,
        packs=None,
        snapshots={**FULL.snapshots, "bb": known("bb"), "cc": known("cc")},
        boots={"b2": FULL.boots["b2"]},
    )
    records.change_memory(TENANT, MACHINE, lambda _: fewer)
    assert records.read_memory(TENANT, MACHINE) == fewer
    assert [each.snapshot_id for each in fewer.expected] == ["aa", "bb", "cc"]


def test_commands_that_remember_at_the_same_time_lose_nothing(records: Records) -> None:
    def remember(number: int) -> None:
        new = known(f"{number:064x}", number)
        records.change_memory(
            TENANT, MACHINE, lambda memory: replace(memory, snapshots={**memory.snapshots, new.snapshot_id: new})
        )

    with ThreadPoolExecutor(max_workers=4) as executor:
        list(executor.map(remember, range(20)))
    assert len(records.read_memory(TENANT, MACHINE).snapshots) == 20


def test_a_database_of_before_there_were_identities_is_migrated_and_keeps_what_it_remembers(tmp_path: Path) -> None:
    """What the version before left of a machine: two snapshots, one of them told of, and its numbers."""
    before = Path(__file__).parents[2] / "cases" / "records" / "version-0004.sqlite.sql"
    (tmp_path / ".coffre").mkdir()
    with sqlite3.connect(tmp_path / ".coffre" / "records.db") as connection:
        connection.executescript(before.read_text(encoding="utf-8"))
    connection.close()
    with Records.open(REFERENCE, tmp_path) as records:
        memory = records.read_memory(TENANT, MACHINE)
        assert (memory.report_number, memory.accounted_number, memory.packs) == (2**62, 41, 12)
        assert memory.snapshots["aa"] == known("aa", 41)
        assert memory.snapshots["bb"].released == "pruned"
        assert (memory.accepted, memory.identified_since, dict(memory.boots)) == (None, None, {})
        assert records.change_memory(TENANT, MACHINE, lambda _: FULL) == FULL
        assert records.read_memory(TENANT, MACHINE) == FULL


def test_an_erased_machine_is_forgotten_and_no_other(records: Records) -> None:
    for machine in (MACHINE, "caisse-01"):
        records.change_memory(TENANT, machine, lambda _: FULL)
    for _ in range(2):
        records.forget_memory(TENANT, MACHINE)
    assert records.read_memory(TENANT, MACHINE) == Memory()
    assert records.read_memory(TENANT, "caisse-01") == FULL


def test_a_database_of_before_is_migrated_and_keeps_its_events(tmp_path: Path) -> None:
    """The file was written by the version that knew events, usage and runs alone."""
    before = Path(__file__).parents[2] / "cases" / "records" / "before-memory.sqlite.sql"
    (tmp_path / ".coffre").mkdir()
    with sqlite3.connect(tmp_path / ".coffre" / "records.db") as connection:
        connection.executescript(before.read_text(encoding="utf-8"))
    connection.close()
    with Records.open(REFERENCE, tmp_path) as records:
        assert [event.machine for event in records.list_events(TENANT)] == ["compta-01", "caisse-01"]
        assert records.read_memory(TENANT, MACHINE) == Memory()
        records.change_memory(TENANT, MACHINE, lambda _: FULL)
    with sqlite3.connect(tmp_path / ".coffre" / "records.db") as connection:
        assert connection.execute("SELECT count(*) FROM known_snapshots").fetchone() == (2,)
    connection.close()
