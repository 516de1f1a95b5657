"""What supervision keeps, in both kinds of database."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
import sqlalchemy as sa

from coffre.errors import ExpectedError
from coffre.records.applied_files import AppliedFile
from coffre.records.database import tables
from coffre.records.database.connection import writing
from coffre.records.database.store import Records
from coffre.records.database.supervision import WHOLE_TENANT, Noted, Watched
from coffre.records.events import Event, EventKind
from coffre.records.kept_findings import FindingPlace, KeptFinding

if TYPE_CHECKING:
    from conftest import Database

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=5)
MARTIN, OTHER = "k7f3q9wz2m", "m4ple9x2ya"
PLACE = FindingPlace(MARTIN, "", "pc-1", "backup_late")
FINDING = KeptFinding(PLACE, "martin", NOON, NOON, {"due_at": "a", "last_success_at": None, "é\0": "\ud800"})
FILE, SETTINGS = AppliedFile(MARTIN, b"name: \xc3\xa9\n"), AppliedFile(None, b"version: 1\n")


@pytest.fixture
def records(database: "Database") -> Iterator[Records]:
    with Records.open(database.reference, database.root) as opened:
        yield opened


def noted(*findings: KeptFinding, **changes: object) -> Noted:
    return Noted(MARTIN, LATER, findings=findings, **changes)  # type: ignore[arg-type]


def test_records_of_the_version_before_get_the_tables_and_lose_nothing(database: "Database") -> None:
    text = (Path(__file__).parents[2] / "cases" / "records" / f"version-0007.{database.kind}.sql").read_text("utf-8")
    if database.kind == "postgresql":
        with psycopg.connect(database.url, autocommit=True) as connection:
            connection.execute(text)
    else:
        file = database.root / ".coffre" / "records.db"
        file.parent.mkdir()
        before = sqlite3.connect(file)
        before.executescript(text)
        before.close()
    with Records.open(database.reference, database.root) as records:
        assert records.verify().faults == ()
        assert len(records.list_newest(None, 10)) == 1
        records.supervision.keep_applied_files([FILE])
        assert records.supervision.read_applied_files([FILE.sha256]) == {FILE.sha256: FILE.content}


def test_a_file_is_kept_once_and_one_that_was_changed_is_not_given(records: Records) -> None:
    store = records.supervision
    store.keep_applied_files([FILE, SETTINGS])
    store.keep_applied_files([SETTINGS])
    wanted = [FILE.sha256, SETTINGS.sha256, "0" * 64]
    assert store.read_applied_files(wanted) == {each.sha256: each.content for each in (FILE, SETTINGS)}
    with writing(records._engine) as connection:
        table = tables.applied_files
        connection.execute(sa.update(table).where(table.c.tenant_id == MARTIN).values(content=b"name: forged"))
    assert set(store.read_applied_files(wanted)) == {SETTINGS.sha256}


def test_a_finding_lives_from_its_opening_to_its_end(records: Records) -> None:
    store = records.supervision
    (kept,) = store.note([noted(FINDING)])
    assert store.find_finding(kept.id or 0) == replace(
        FINDING, id=kept.id, evidence={"due_at": "a", "last_success_at": None, "é\\x00": "\\ud800"}
    )
    store.note([noted(same=[kept.id or 0])])
    (seen,) = store.list_findings(MARTIN)
    assert (seen.since, seen.seen_at) == (NOON, LATER)
    store.note([noted(replace(seen, closed_at=LATER))])
    assert store.list_findings() == []
    (ended,) = store.list_findings(since=LATER)
    assert not ended.is_open
    assert store.list_findings(since=LATER + timedelta(seconds=1)) == []
    (again,) = store.note([noted(FINDING)])
    assert again.id != kept.id


def test_one_finding_at_most_is_open_at_a_place_and_nothing_is_half_written(records: Records) -> None:
    records.supervision.note([noted(FINDING)])
    event = Event(MARTIN, "martin", EventKind.FINDING_CLOSED, NOON, "claire", details={"finding_kind": "x"})
    with pytest.raises((ExpectedError, sa.exc.IntegrityError)):
        records.supervision.note(
            [noted(replace(FINDING, place=replace(PLACE, machine="pc-2")), events=[event]), noted(FINDING)]
        )
    assert len(records.supervision.list_findings()) == 1
    assert records.list_events(MARTIN) == []


def test_what_was_seen_is_replaced_and_belongs_to_one_tenant(records: Records) -> None:
    store = records.supervision
    store.note([noted(watched={"pc-1": Watched(NOON, "m1", {"a": 1}), WHOLE_TENANT: Watched(NOON)})])
    store.note([Noted(OTHER, NOON, {"pc-1": Watched(NOON)}), noted(watched={"pc-1": Watched(LATER, "m2", {"a": 2})})])
    assert store.read_watched(MARTIN) == {
        MARTIN: {"pc-1": Watched(LATER, "m2", {"a": 2}), WHOLE_TENANT: Watched(NOON, None, {})}
    }
    assert set(store.read_watched()) == {MARTIN, OTHER}


def test_a_pass_without_an_end_was_killed(records: Records) -> None:
    store = records.supervision
    first = store.begin_pass(NOON, 3)
    store.end_pass(first, LATER, 2)
    store.begin_pass(LATER, 3)
    newest, oldest = store.list_passes(5)
    assert (oldest.ended_at, oldest.seen, newest.ended_at, newest.seen) == (LATER, 2, None, None)


def test_a_tenant_that_leaves_takes_its_files_and_findings_along(records: Records) -> None:
    store = records.supervision
    store.keep_applied_files([FILE, SETTINGS])
    others = replace(FINDING, place=replace(PLACE, tenant_id=OTHER))
    store.note([noted(FINDING, watched={"pc-1": Watched(NOON)}), Noted(OTHER, NOON, {"pc-1": Watched(NOON)}, [others])])
    records.append(Event(MARTIN, "martin", EventKind.DRILL, NOON, "claire", details={"seed": 1, "snapshot": "ab"}))
    trimmed = Event(MARTIN, "martin", EventKind.RECORDS_TRIMMED, NOON, "claire", details={"on": "2026-11-23"})
    records.trim(trimmed, {EventKind.DRILL})
    assert set(store.read_applied_files([FILE.sha256, SETTINGS.sha256])) == {SETTINGS.sha256}
    assert [each.place.tenant_id for each in store.list_findings()] == [OTHER]
    assert set(store.read_watched()) == {OTHER}
