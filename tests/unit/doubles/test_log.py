"""The log in memory passes the contract of logs."""

from datetime import UTC, datetime
from itertools import count

import pytest

from tests.contracts.log import *  # noqa: F403
from tests.contracts.log import MINUTE
from tests.doubles.log import InMemoryLog

BEGIN = datetime(2027, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def log() -> InMemoryLog:
    turns = count()
    return InMemoryLog(clock=lambda: BEGIN + next(turns) * MINUTE)
