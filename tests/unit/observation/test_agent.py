"""What the newest report shows of the agent: orders, clock, version."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from coffre.agents.report import Report
from coffre.findings import FindingKind
from coffre.observation.judge.agent import BEHIND_AFTER, TAKEN_WITHIN, Deployed, judge_agent

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
WANTED = Deployed(5, NOON, NOON - 40 * timedelta(days=1), "0.2.0")


def report(**changes: Any) -> Report:
    facts = {
        "version": 1,
        "tenant_id": "t",
        "machine": "pc-1",
        "run_id": "0" * 32,
        "started_at": NOON,
        "finished_at": NOON + 2 * HOUR,
        "result": "success",
        "agent_version": "0.2.0",
        "restic_version": "0.18.1",
        "generation_applied": 5,
    }
    return Report.model_validate({**facts, **changes})


def kinds(found: Report | None, deployed: Deployed = WANTED) -> list[FindingKind]:
    return [each.kind for each in judge_agent("pc-1", found, deployed, NOON + 3 * HOUR)]


def test_an_agent_that_is_as_it_should_be_gives_nothing() -> None:
    assert kinds(report()) == []
    assert kinds(None) == []


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"finished_at": NOON + TAKEN_WITHIN}, [FindingKind.ORDERS_NOT_TAKEN]),
        ({"finished_at": NOON + TAKEN_WITHIN - timedelta(seconds=1)}, []),
        ({"finished_at": NOON, "failed_generation": 5}, [FindingKind.ORDERS_NOT_TAKEN]),
        ({"finished_at": NOON, "failed_generation": 4}, []),
        # A clock that is an hour ahead says one o'clock at noon.
        ({"finished_at": NOON + TAKEN_WITHIN, "clock_offset_seconds": 599}, []),
    ],
)
def test_orders_that_a_run_had_the_time_to_take(changes: dict[str, Any], found: list[FindingKind]) -> None:
    assert kinds(report(generation_applied=4, **changes)) == found


def test_orders_of_which_the_time_is_not_known_are_not_judged() -> None:
    assert kinds(report(generation_applied=4), Deployed(5, None, None, "0.2.0")) == []


@pytest.mark.parametrize(("seconds", "is_off"), [(599, False), (600, True), (-600, True), (-599.4, False)])
def test_a_clock_that_will_soon_stop_the_backups(seconds: float, is_off: bool) -> None:
    assert kinds(report(clock_offset_seconds=seconds)) == ([FindingKind.CLOCK_OFF] if is_off else [])


def test_a_version_is_behind_once_the_agent_was_not_updated_for_a_month() -> None:
    old = report(agent_version="0.1.0")
    assert kinds(old) == [FindingKind.VERSION_BEHIND]
    recent = Deployed(5, NOON, NOON + 3 * HOUR - BEHIND_AFTER, "0.2.0")
    assert kinds(old, recent) == []
    assert kinds(report(agent_version=""), WANTED) == []
