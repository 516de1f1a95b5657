"""When a machine must be drilled, when nobody did, and what a failed drill means."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coffre.findings import Finding, FindingKind
from coffre.observation.drills.history import find_drill_duty, read_history
from coffre.observation.drills.judge import (
    DrillDuty,
    find_due,
    find_planned,
    judge_drill_duty,
    judge_drills,
)
from coffre.observation.judge.duty import Duty
from coffre.records.facts.backups import Drilled
from coffre.records.facts.fact import RecordedFinding
from coffre.records.facts.supervision import Pause
from coffre.records.memory import KnownSnapshot, Memory
from coffre.spec.machine import MachineKind
from coffre.spec.platform import Drills
from coffre.supervision.findings.standing import Consequence, NextAction, find_standing
from tests.builders import tenant_with
from tests.doubles.log import InMemoryLog

PARIS = ZoneInfo("Europe/Paris")
NOON = datetime(2027, 3, 1, 12, tzinfo=PARIS)
DAY = timedelta(days=1)
PASSED = Drilled(1, "ab" * 32, ("/home/a",))
FAILED = Drilled(2, "cd" * 32, ("/home/a",), ("/home/a: not restored",))
COMPTA = "compta-01"


def duty(**changes: object) -> DrillDuty:
    fields = {
        "machine": COMPTA,
        "timezone": "Europe/Paris",
        "interval_days": 30,
        "grace_days": 7,
        "since": NOON - 90 * DAY,
        "first_backup_at": NOON - 89 * DAY,
        "last_at": None,
        **changes,
    }
    return DrillDuty(**fields)  # type: ignore[arg-type]


def midnight(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, tzinfo=PARIS)


def test_a_machine_is_first_due_one_interval_after_its_first_backup() -> None:
    assert find_due(duty(first_backup_at=NOON)) == midnight(2027, 3, 31)
    assert find_due(duty(first_backup_at=None)) is None, "there is nothing to drill"


def test_a_drill_is_due_at_the_begin_of_its_day_also_when_the_clocks_change_meanwhile() -> None:
    late = datetime(2027, 3, 1, 23, 59, tzinfo=PARIS)
    assert find_due(duty(last_at=late)) == find_due(duty(last_at=NOON)) == midnight(2027, 3, 31)
    assert find_due(duty(last_at=NOON, interval_days=1)) == midnight(2027, 3, 2)


def test_a_failed_drill_is_due_again_the_next_day_and_is_not_overdue_then() -> None:
    failed = duty(last_at=NOON, is_last_failed=True)
    assert find_due(failed) == midnight(2027, 3, 2)
    assert judge_drill_duty(failed, NOON + 20 * DAY).finding is None, "it was made, and what it found is a finding"


def test_a_drill_is_overdue_once_its_grace_is_over_and_not_before() -> None:
    due = duty(last_at=NOON)
    overdue_at = midnight(2027, 4, 7)
    before = judge_drill_duty(due, overdue_at - timedelta(seconds=1))
    assert (before.finding, before.changes_at) == (None, overdue_at)
    found = judge_drill_duty(due, overdue_at).finding
    evidence = {"due_at": midnight(2027, 3, 31).astimezone(UTC).isoformat(), "last_at": NOON.isoformat()}
    assert found == Finding(FindingKind.DRILL_OVERDUE, COMPTA, evidence)
    never = judge_drill_duty(duty(), NOON).finding
    assert never is not None
    assert never.evidence["last_at"] is None


def test_nobody_drills_a_machine_out_of_service_and_the_grace_begins_again_afterwards() -> None:
    away = duty(since=None)
    assert (find_due(away), judge_drill_duty(away, NOON).finding) == (None, None)
    assert find_planned(away) is not None, "it is due, if somebody may"
    back = duty(since=NOON)
    assert find_due(back) == NOON
    assert judge_drill_duty(back, NOON + 7 * DAY - timedelta(seconds=1)).finding is None
    assert judge_drill_duty(back, NOON + 7 * DAY).finding is not None


def test_nothing_is_overdue_during_a_pause_nor_in_the_grace_after_it() -> None:
    pause = Pause(NOON + 30 * DAY, NOON + 50 * DAY)
    paused = duty(last_at=NOON, pauses=(pause,))
    assert find_due(paused) == pause.ends_at
    during = judge_drill_duty(paused, NOON + 45 * DAY)
    assert (during.finding, during.changes_at) == (None, pause.ends_at)
    after = judge_drill_duty(paused, pause.ends_at)
    assert (after.finding, after.changes_at) == (None, pause.ends_at + 7 * DAY)
    assert judge_drill_duty(paused, pause.ends_at + 7 * DAY).finding is not None
    declared_too_late = duty(last_at=NOON, pauses=(Pause(NOON + 60 * DAY, NOON + 70 * DAY),))
    assert judge_drill_duty(declared_too_late, NOON + 65 * DAY).finding is None
    assert judge_drill_duty(declared_too_late, NOON + 70 * DAY).finding is not None, "it was overdue before"


MOMENTS = st.integers(0, 400 * 24).map(lambda hours: NOON - 400 * DAY + timedelta(hours=hours))
PAUSES = st.lists(st.tuples(MOMENTS, st.integers(1, 40)), max_size=4).map(
    lambda each: tuple(Pause(begin, begin + days * DAY) for begin, days in each)
)


@given(
    first=MOMENTS,
    last=st.none() | MOMENTS,
    since=MOMENTS,
    failed=st.booleans(),
    pauses=PAUSES,
    days=st.integers(1, 366),
    now=MOMENTS,
)
def test_what_is_overdue_is_due_and_a_verdict_changes_only_in_the_future(
    first: datetime, last: datetime | None, since: datetime, failed: bool, pauses: tuple[Pause, ...], days: int,
    now: datetime,
) -> None:  # fmt: skip
    one = duty(
        first_backup_at=first, last_at=last, since=since, is_last_failed=failed, pauses=pauses, interval_days=days
    )
    verdict, due_at = judge_drill_duty(one, now), find_due(one)
    assert due_at is not None
    assert due_at >= since
    assert not any(pause.begins_at <= due_at < pause.ends_at for pause in pauses)
    if verdict.finding is not None:
        assert due_at <= now
        assert one.find_pause(now) is None
        assert verdict.changes_at is None
    else:
        assert verdict.changes_at is not None
        assert verdict.changes_at > now


def recorded(*facts: Drilled, machine: str = COMPTA) -> InMemoryLog:
    moments = iter(NOON.astimezone(UTC) + DAY * turn for turn in range(len(facts)))
    log = InMemoryLog(clock=lambda: next(moments))
    for fact in facts:
        log.append(fact, machine)
    return log


def failures(*facts: Drilled, copied_to: str | None = None) -> tuple[Finding, ...]:
    history = read_history(recorded(*facts), COMPTA, Memory())
    return judge_drills(COMPTA, history.drills, copied_to)


def test_a_failed_drill_is_a_finding_until_a_later_one_passes_and_names_no_file() -> None:
    [found] = failures(PASSED, FAILED)
    assert found.kind is FindingKind.DRILL_FAILED
    assert (found.evidence["seed"], found.evidence["snapshot"], found.evidence["problems"]) == (2, "cd" * 32, 1)
    assert "/home" not in str(found)
    assert failures(FAILED, PASSED) == ()
    assert failures() == ()


def test_a_drill_of_the_second_copy_says_nothing_of_the_original_and_the_other_way_round() -> None:
    there = Drilled(3, "ef" * 32, ("/home/a",), ("/home/a: not restored",), copied_to="far")
    passed_there = Drilled(4, "ef" * 32, ("/home/a",), copied_to="far")
    assert [each.evidence["platform"] for each in failures(FAILED, passed_there, copied_to="far")] == [None]
    assert [each.evidence["platform"] for each in failures(there, PASSED, copied_to="far")] == ["far"]
    assert [each.evidence["platform"] for each in failures(FAILED, there, copied_to="far")] == [None, "far"]
    assert failures(there, passed_there, PASSED, copied_to="far") == ()
    assert failures(there) == (), "a copy that is no longer asked for"
    log = recorded(PASSED, there)
    history = read_history(log, COMPTA, Memory())
    assert (history.last_at, history.is_last_failed) == (NOON, False), "a drill of the copy is none of the original"


def test_drills_and_backups_of_a_repository_that_was_given_up_do_not_count() -> None:
    old, new = KnownSnapshot("1", NOON - 40 * DAY), KnownSnapshot("2", NOON + 2 * DAY)
    memory = Memory(begun_at=(NOON + DAY / 2).astimezone(UTC), snapshots={"1": old, "2": new})
    history = read_history(recorded(FAILED), COMPTA, memory)
    assert (history.last_at, history.first_backup_at) == (None, new.seen_at)
    assert judge_drills(COMPTA, history.drills, None) == ()
    assert read_history(recorded(FAILED), COMPTA, Memory(snapshots={"1": old})).first_backup_at == old.seen_at


@pytest.mark.parametrize(
    ("changes", "days"),
    [
        ({}, None),
        ({"options": ["restore_tests"]}, 30),
        ({"options": ["restore_tests"], "drills": {"interval_days": 9}}, 9),
    ],
)
def test_the_interval_is_the_house_s_unless_the_tenant_bought_another_one(
    changes: dict[str, object], days: int | None
) -> None:
    backups = Duty(COMPTA, MachineKind.WORKSTATION, (), "Europe/Paris", NOON)
    found = find_drill_duty(tenant_with(**changes), Drills(), backups, NOON, None)
    assert (None if found is None else found.interval_days) == days


def test_paths_without_data_are_the_customer_s_matter_and_lost_files_are_not() -> None:
    gap = RecordedFinding("path_not_saved", {"path": "/home"})
    [only_gaps] = failures(Drilled(2, "cd" * 32, gaps=(gap,)))
    [both] = failures(Drilled(2, "cd" * 32, ("a",), ("a: not restored",), gaps=(gap,)))
    assert find_standing(only_gaps).action is NextAction.CALL_CUSTOMER
    assert find_standing(both).consequence is Consequence.RESTORE_MAY_FAIL
