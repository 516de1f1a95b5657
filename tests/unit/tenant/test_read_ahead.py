"""A log that reads ahead says what the log says, with one question to the records."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from coffre.records.actor import Author
from coffre.records.database.store import Records
from coffre.records.facts.agents import Install, OrdersIssued, Update
from coffre.records.facts.backups import Drilled
from coffre.records.facts.contract import HoldLifted, HoldPlaced
from coffre.records.memory import Memory
from coffre.tenant.estate.log import TenantLog
from coffre.tenant.estate.memory import TenantMemory
from coffre.tenant.estate.read_ahead import ReadAheadLog
from coffre.tenant.holds import list_recorded
from tests.contracts.log import *  # noqa: F403
from tests.contracts.log import MINUTE

BEGIN = datetime(2027, 1, 1, 12, tzinfo=UTC)
AUTHOR = Author("claire@example.org", "1a2b3c4d5e6f")
TENANT = ("k7f3q9wz2m", "boulangerie-martin", AUTHOR)


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    with Records.open("sqlite:records.db", tmp_path) as records:
        yield records


class LogOfLooks(TenantLog):
    """Records as a log does, and reads each time as a new look."""

    def _look(self) -> ReadAheadLog:
        return ReadAheadLog(self.tenant_id, self.slug, self.author, self.open_records, self.find_records)

    def last(self, *asked: Any) -> Any:
        return self._look().last(*asked)

    def list(self, *asked: Any, **bounds: Any) -> Any:
        return self._look().list(*asked, **bounds)

    def has(self, *asked: Any) -> bool:
        return self._look().has(*asked)


@pytest.fixture
def log(records: Records) -> TenantLog:
    turns = count()
    return LogOfLooks(*TENANT, lambda: records, lambda: records, lambda: BEGIN + next(turns) * MINUTE)


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """The statements that any database gets."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("SELECT"):
            seen.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    yield seen
    sa.event.remove(sa.Engine, "before_cursor_execute", note)


def _machines() -> Sequence[str]:
    return [f"pc-{number}" for number in range(10)]


def test_a_look_at_many_machines_takes_as_many_statements_as_at_one(log: TenantLog, statements: list[str]) -> None:
    for name in _machines():
        log.append(Install(generation=1), name)
        TenantMemory(log).change(name, lambda memory: replace(memory, packs=7))
    statements.clear()
    look = ReadAheadLog(*TENANT, log.open_records, log.find_records)
    for name in _machines():
        assert look.last((Install, Update), name) is not None
        assert not look.has(Update, name)
        assert not look.list(OrdersIssued, name)
        assert TenantMemory(look).recall(name).packs == 7
    assert list_recorded(look) == []
    assert len(statements) == 5, statements


def test_what_is_not_read_ahead_is_asked_for(log: TenantLog, statements: list[str]) -> None:
    look = ReadAheadLog(*TENANT, log.open_records, log.find_records)
    assert not look.has((HoldPlaced, HoldLifted))
    statements.clear()
    assert not look.has(Drilled)
    assert not look.list(Install, since=BEGIN)
    assert len(statements) == 2


def test_a_look_without_records_makes_none() -> None:
    look = ReadAheadLog(*TENANT, lambda: pytest.fail("made"), lambda: None)
    assert not look.has(Install)
    assert look.recall("pc-1") == Memory()
