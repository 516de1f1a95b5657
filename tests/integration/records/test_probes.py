"""What probes gave, in both kinds of database."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from coffre.records.database.store import Records
from coffre.records.probes import one_probe

if TYPE_CHECKING:
    from conftest import Database

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def records(database: "Database") -> Iterator[Records]:
    with Records.open(database.reference, database.root) as opened:
        yield opened


def test_probes_are_kept_as_spans_and_read_back_as_they_were(records: Records) -> None:
    down = one_probe("lab", NOON + 2 * MINUTE, 5000, "write", "certificate")
    records.availability.add_probes([one_probe("lab", NOON, 20), one_probe("lab", NOON + MINUTE, 40), down])
    records.availability.add_probes([down, one_probe("other", NOON, 7)])
    up, failed, other = records.availability.list_spans(NOON)
    assert (up.begins_at, up.ends_at, up.is_up, up.probes) == (NOON, NOON + MINUTE, True, 2)
    assert (up.total_ms, up.longest_ms, up.step, up.fault) == (60, 40, None, None)
    assert failed == down
    assert other.platform == "other"
    assert records.availability.list_spans(NOON + 2 * MINUTE, "lab") == [down]


def test_records_of_the_version_before_get_the_table_and_lose_nothing(database: "Database") -> None:
    text = (Path(__file__).parents[2] / "cases" / "records" / f"version-0009.{database.kind}.sql").read_text("utf-8")
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
        records.availability.add_probes([one_probe("lab", NOON, 20)])
        assert len(records.availability.list_spans(NOON)) == 1
