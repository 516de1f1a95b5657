"""Plans that reviews save, in both kinds of database."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
import sqlalchemy as sa

from coffre.records.database import schema
from coffre.records.database.store import Records
from coffre.records.events import Event, EventKind
from coffre.records.saved_plans import SavedPlan

if TYPE_CHECKING:
    from conftest import Database

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
PLAN = SavedPlan("k7f3q9wz2m", "f1", NOON, '{\n  "é": "\\u0000"\n}\n')
LONG_AGO = NOON - timedelta(days=14)


@pytest.fixture
def records(database: "Database") -> Iterator[Records]:
    with Records.open(database.reference, database.root) as opened:
        yield opened


def test_plans_come_back_as_they_are_newest_first_and_those_of_others_do_not(records: Records) -> None:
    newer, large = replace(PLAN, document="newer"), replace(PLAN, tenant_file_sha256="f2", document="é" * 3_000_000)
    for each in (PLAN, newer, large, replace(PLAN, tenant_id="m4ple9x2ya")):
        records.save_plan(each, LONG_AGO)
    assert records.list_saved_plans(PLAN.tenant_id, "f1") == [newer, PLAN]
    assert records.list_saved_plans(PLAN.tenant_id, "f2") == [large]
    assert records.list_saved_plans(PLAN.tenant_id, "f3") == []
    assert records.verify().faults == ()


def test_old_plans_of_all_tenants_go_with_the_next_one(records: Records) -> None:
    records.save_plan(PLAN, LONG_AGO)
    records.save_plan(
        replace(PLAN, tenant_id="m4ple9x2ya", saved_at=NOON + timedelta(days=15)), NOON + timedelta(days=1)
    )
    assert records.list_saved_plans(PLAN.tenant_id, "f1") == []
    assert len(records.list_saved_plans("m4ple9x2ya", "f1")) == 1


def test_the_plans_of_a_tenant_that_left_go_with_its_records(records: Records) -> None:
    other = replace(PLAN, tenant_id="m4ple9x2ya")
    for each in (PLAN, other):
        records.save_plan(each, LONG_AGO)
    trimmed = Event(PLAN.tenant_id, "martin", EventKind.RECORDS_TRIMMED, NOON, "paul")
    assert records.trim(trimmed, {EventKind.DRILL}) == {}
    assert records.list_saved_plans(PLAN.tenant_id, "f1") == []
    assert records.list_saved_plans(other.tenant_id, "f1") == [other]


def test_a_database_of_the_version_before_loses_nothing_and_takes_plans(database: "Database") -> None:
    text = (Path(__file__).parents[2] / "cases" / "records" / f"version-0006.{database.kind}.sql").read_text(
        encoding="utf-8"
    )
    if database.kind == "postgresql":
        with psycopg.connect(database.url, autocommit=True) as connection:
            connection.execute(text)
    else:
        file = database.root / ".coffre" / "records.db"
        file.parent.mkdir()
        made = sqlite3.connect(file)
        made.executescript(text)
        made.close()
    with Records.open(database.reference, database.root) as records:
        report = records.verify()
        assert (report.faults, report.tip.position, report.events) == ((), 4, 1)
        records.save_plan(PLAN, LONG_AGO)
        assert records.list_saved_plans(PLAN.tenant_id, "f1") == [PLAN]
    engine = sa.create_engine(database.url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM coffre_version").scalar() == schema.HEAD
    engine.dispose()
