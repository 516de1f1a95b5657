"""A declared pause of a machine or of a whole tenant, until its day or until somebody ends it."""

from datetime import UTC, datetime, timedelta

import pytest

from coffre.errors import RefusedError, UsageError
from coffre.records.facts.supervision import Pause, PauseDeclared
from coffre.tenant import pauses
from coffre.tenant.pauses import declare_pause, end_pause, find_pauses
from tests.doubles.log import InMemoryLog

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = timedelta(days=1)
WEEK = PauseDeclared(NOON + 7 * DAY, "closed")


class Clock:
    now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(pauses, "utc_now", clock)
    return clock


@pytest.fixture
def log(clock: Clock) -> InMemoryLog:
    return InMemoryLog(clock=clock)


def test_a_pause_is_that_of_its_machine_and_one_of_the_tenant_is_that_of_all(log: InMemoryLog) -> None:
    declare_pause(log, "pc-1", WEEK)
    assert find_pauses(log, "pc-1") == (Pause(NOON, NOON + 7 * DAY),)
    assert find_pauses(log, "pc-2") == ()
    declare_pause(log, None, PauseDeclared(NOON + DAY, "closed"))
    assert find_pauses(log, "pc-2") == (Pause(NOON, NOON + DAY),)
    assert len(find_pauses(log, "pc-1")) == 2


def test_somebody_ends_it_before_its_day(log: InMemoryLog, clock: Clock) -> None:
    declare_pause(log, "pc-1", WEEK)
    clock.now += 2 * DAY
    end_pause(log, "pc-1", "back early")
    assert find_pauses(log, "pc-1") == (Pause(NOON, NOON + 2 * DAY),)
    with pytest.raises(RefusedError, match="no pause of pc-1 that goes on"):
        end_pause(log, "pc-1", "twice")


def test_a_later_word_replaces_what_is_left_of_a_pause(log: InMemoryLog, clock: Clock) -> None:
    declare_pause(log, "pc-1", WEEK)
    clock.now += DAY
    declare_pause(log, "pc-1", PauseDeclared(NOON + 3 * DAY, "shorter"))
    assert find_pauses(log, "pc-1") == (Pause(NOON, NOON + DAY), Pause(NOON + DAY, NOON + 3 * DAY))


def test_a_pause_of_a_machine_does_not_end_with_that_of_the_tenant(log: InMemoryLog, clock: Clock) -> None:
    declare_pause(log, "pc-1", WEEK)
    declare_pause(log, None, WEEK)
    clock.now += DAY
    end_pause(log, None, "the shop is open")
    assert find_pauses(log, "pc-1") == (Pause(NOON, NOON + DAY), Pause(NOON, NOON + 7 * DAY))


def test_a_past_day_is_no_pause_and_one_that_is_over_cannot_be_ended(log: InMemoryLog, clock: Clock) -> None:
    with pytest.raises(UsageError, match="2026-11-23 is not in the future"):
        declare_pause(log, "pc-1", PauseDeclared(NOON, "too late"))
    declare_pause(log, "pc-1", WEEK)
    clock.now += 8 * DAY
    with pytest.raises(RefusedError):
        end_pause(log, "pc-1", "over")
