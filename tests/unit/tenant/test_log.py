"""The log of a tenant in a SQLite database passes the contract of logs, and a look makes no database."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import cache
from itertools import count
from pathlib import Path

import pytest

from coffre.records.actor import Author
from coffre.records.database.location import exist_records
from coffre.records.database.store import Records
from coffre.records.facts.agents import Install
from coffre.tenant.estate.log import TenantLog
from tests.contracts.log import *  # noqa: F403
from tests.contracts.log import MINUTE

BEGIN = datetime(2027, 1, 1, 12, tzinfo=UTC)
REFERENCE = "sqlite:records.db"
AUTHOR = Author("claire@example.org", "1a2b3c4d5e6f")


@pytest.fixture
def log(tmp_path: Path) -> Iterator[TenantLog]:
    turns = count()
    with ExitStack() as opened:

        @cache
        def open_records() -> Records:
            return opened.enter_context(Records.open(REFERENCE, tmp_path))

        def find_records() -> Records | None:
            return open_records() if exist_records(REFERENCE, tmp_path) else None

        clock = lambda: BEGIN + next(turns) * MINUTE  # noqa: E731
        yield TenantLog("k7f3q9wz2m", "boulangerie-martin", AUTHOR, open_records, find_records, clock)


def test_a_look_makes_no_database(log: TenantLog, tmp_path: Path) -> None:
    assert log.last(Install) is None
    assert not log.has(Install)
    assert not log.list(Install)
    assert list(tmp_path.iterdir()) == []


def test_another_tenant_is_never_seen(log: TenantLog) -> None:
    log.append(Install(generation=1), "pc-1")
    other = TenantLog("another", "garage-durand", AUTHOR, log.open_records, log.find_records)
    assert not other.has(Install)
    assert not other.list(Install)
