"""Retention by age: what stays by storage's clock, what a forger of dates gets, and when a person is asked."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from coffre.findings import FindingKind
from coffre.observation.judge.retention import (
    ALWAYS_STAY,
    Candidate,
    PastPrune,
    Upkeep,
    count_due,
    judge_plan,
    judge_upkeep,
    plan_retention,
)
from coffre.spec.plan import Keep

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
PARIS = ZoneInfo("Europe/Paris")
PLAN = ("compta-01", ("coffre", "machine-a"))


def snapshot(number: int, arrived_at: datetime, **changes: Any) -> Candidate:
    values: dict[str, Any] = {"taken_at": arrived_at - timedelta(minutes=2), "run": timedelta(minutes=2), **changes}
    return Candidate(f"{number:064x}", values.pop("taken_at"), arrived_at, values.pop("group", PLAN), **values)


def daily(days: int, **changes: Any) -> list[Candidate]:
    """One a day at noon, the newest today."""
    return [snapshot(number, NOW - number * DAY, **changes) for number in range(days)]


def ages(candidates: Sequence[Candidate]) -> list[int]:
    return [(NOW - each.arrived_at).days for each in candidates]


def test_of_each_day_within_the_time_the_newest_stays() -> None:
    twice = [snapshot(100 + number, NOW - number * DAY - timedelta(hours=5)) for number in range(10)]
    plan = plan_retention([*daily(10), *twice], {}, Keep(daily=5), PARIS)
    assert sorted(ages(plan.staying)) == [0, 0, 1, 2, 3, 4]
    assert [each.id for each in plan.staying if each.id >= f"{100:064x}"] == [f"{100:064x}"], (
        "the newest of its day, and the last two in any case"
    )
    assert (plan.days, plan.emptied_days) == (10, 5)


def test_a_week_a_month_and_a_year_keep_one_each() -> None:
    plan = plan_retention(daily(800), {}, Keep(daily=3, weekly=4, monthly=6, yearly=2), ZoneInfo("UTC"))
    kept = sorted(each.arrived_at.date().isoformat() for each in plan.staying)
    assert kept == [
        "2024-12-31",
        "2025-12-31",
        "2026-05-31",
        "2026-06-30",
        "2026-07-31",
        "2026-08-31",
        "2026-09-30",
        "2026-10-31",
        "2026-11-08",
        "2026-11-15",
        "2026-11-22",
        "2026-11-28",
        "2026-11-29",
        "2026-11-30",
    ]


def test_a_machine_that_is_off_for_a_year_keeps_what_it_has() -> None:
    old = [snapshot(number, NOW - (400 + number) * DAY) for number in range(5)]
    assert plan_retention(old, {}, Keep(daily=30), PARIS).going == ()


def test_the_last_two_stay_whatever_the_plan_says_and_two_that_a_report_names() -> None:
    assert len(plan_retention(daily(6), {}, Keep(daily=1), PARIS).staying) == ALWAYS_STAY
    reported = [snapshot(10 + number, NOW - (100 + number) * DAY, is_reported=True) for number in range(3)]
    plan = plan_retention([*daily(6), *reported], {}, Keep(daily=1), PARIS)
    assert sorted(ages(plan.staying)) == [0, 1, 100, 101]


def test_a_backup_counts_for_the_day_on_which_it_arrived_and_not_for_that_of_its_begin() -> None:
    long = timedelta(hours=20)
    overnight = snapshot(50, NOW - 3 * DAY - timedelta(hours=2), taken_at=NOW - 3 * DAY - timedelta(hours=22), run=long)
    plan = plan_retention([*daily(3), overnight, snapshot(51, NOW - 3 * DAY)], {}, Keep(daily=9), PARIS)
    assert [each.id for each in plan.going] == []
    older = snapshot(60, NOW - 5 * DAY)
    plan = plan_retention([*daily(3), overnight, snapshot(51, NOW - 3 * DAY), older], {}, Keep(daily=9), PARIS)
    assert [each.id for each in plan.going] == [overnight.id], "that day has a newer one"
    late = snapshot(70, NOW - DAY + timedelta(minutes=1), taken_at=NOW - 2 * DAY, run=timedelta(days=1))
    assert plan_retention([*daily(1), late, older], {}, Keep(daily=1), PARIS).going[0].id == older.id


def test_of_two_of_a_day_the_one_that_arrived_last_stays() -> None:
    day = NOW - 5 * DAY
    early = snapshot(80, day - timedelta(hours=3), taken_at=day - timedelta(hours=4), run=timedelta(hours=1))
    last = snapshot(81, day, taken_at=day - timedelta(hours=6), run=timedelta(hours=6))
    plan = plan_retention([*daily(4), early, last, snapshot(82, NOW - 9 * DAY)], {}, Keep(daily=30), PARIS)
    assert [each.id for each in plan.going] == [early.id]


def test_a_clone_under_the_same_name_takes_nobodys_place() -> None:
    clone = [
        snapshot(50 + number, NOW - number * DAY + timedelta(hours=2), group=("compta-01", ("coffre", "machine-b")))
        for number in range(1, 6)
    ]
    assert plan_retention([*daily(6), *clone], {}, Keep(daily=30), PARIS).going == ()


def test_snapshots_dated_into_the_future_push_out_nothing_and_stop_the_pruning() -> None:
    forged = [snapshot(900 + number, NOW, taken_at=NOW + 80 * 365 * DAY + number * DAY) for number in range(8)]
    honest = plan_retention(daily(40), {}, Keep(daily=30), PARIS)
    plan = plan_retention([*daily(40), *forged], {}, Keep(daily=30), PARIS)
    assert plan.going == honest.going
    assert {each.id for each in plan.misdated} == {each.id for each in forged}
    assert {each.id for each in forged} <= {each.id for each in plan.staying}
    [finding] = [each for each in judge_plan("m", plan) if each.kind is FindingKind.SNAPSHOTS_MISDATED]
    assert judge_plan("m", plan, NOW - DAY) == judge_plan("m", plan), "they came after a person's word"
    assert FindingKind.SNAPSHOTS_MISDATED not in [each.kind for each in judge_plan("m", plan, NOW)]
    assert (finding.evidence["count"], finding.evidence["stored_at"]) == (8, NOW.isoformat())


def test_snapshots_dated_back_take_the_place_of_no_real_one() -> None:
    forged = [snapshot(900 + number, NOW, taken_at=NOW - number * DAY + timedelta(hours=8)) for number in range(1, 30)]
    plan = plan_retention([*daily(30), *forged], {}, Keep(daily=30), PARIS)
    assert plan.going == ()
    assert len(plan.misdated) == 29


def test_a_flood_of_well_dated_snapshots_takes_only_the_place_of_its_own_day() -> None:
    flood = [snapshot(900 + number, NOW + timedelta(seconds=number)) for number in range(500)]
    plan = plan_retention([*daily(30), *flood], {}, Keep(daily=30), PARIS)
    assert [age for age in ages(plan.staying) if age > 0] == list(range(29, 0, -1))


@pytest.mark.parametrize(
    ("taken_before", "run", "is_honest"),
    [
        (timedelta(minutes=2), timedelta(minutes=2), True),
        (timedelta(hours=5), timedelta(hours=5), True),
        (timedelta(hours=5), timedelta(minutes=2), False),
        (-timedelta(minutes=10), timedelta(minutes=2), True),
        (-timedelta(minutes=20), timedelta(minutes=2), False),
        (timedelta(hours=20), None, True),
        (timedelta(days=2), None, False),
        (timedelta(days=300), timedelta(days=300), False),
        (timedelta(minutes=1), -timedelta(days=300), True),
    ],
)
def test_a_date_is_honest_within_the_length_of_its_run(
    taken_before: timedelta, run: timedelta | None, is_honest: bool
) -> None:
    assert snapshot(1, NOW, taken_at=NOW - taken_before, run=run).is_dated_honestly is is_honest


def test_a_snapshot_that_no_agent_writes_stops_the_pruning() -> None:
    [finding] = judge_plan("m", plan_retention(daily(3), {"f" * 64: NOW}, Keep(daily=30), PARIS))
    assert (finding.kind, finding.evidence["snapshot"]) == (FindingKind.SNAPSHOTS_MISDATED, "f" * 64)


def test_a_person_is_asked_when_too_many_days_would_lose_their_last_backup() -> None:
    assert judge_plan("m", plan_retention(daily(33), {}, Keep(daily=30), PARIS)) == ()
    [finding] = judge_plan("m", plan_retention(daily(100), {}, Keep(daily=30), PARIS))
    assert finding.kind is FindingKind.RETENTION_TOO_MUCH
    assert finding.evidence == {"count": 70, "days": 70, "of_days": 100}
    assert judge_plan("m", plan_retention(daily(30), {}, Keep(daily=24), PARIS)) == (), "a fifth is allowed"


def test_many_backups_a_day_are_thinned_without_a_question() -> None:
    hourly = [snapshot(number, NOW - number * timedelta(hours=1)) for number in range(5 * 24)]
    plan = plan_retention(hourly, {}, Keep(daily=30), PARIS)
    assert len(plan.going) > 100
    assert judge_plan("m", plan) == ()


def test_nothing_is_planned_for_an_empty_repository() -> None:
    assert plan_retention([], {}, Keep(daily=1), PARIS).staying == ()


def test_a_pruning_removes_nothing_that_a_second_one_would_have_kept() -> None:
    chance = random.Random(7)
    keep = Keep(daily=chance.randint(1, 20), weekly=5, monthly=3)
    found = [snapshot(number, NOW - timedelta(minutes=chance.randint(0, 200_000))) for number in range(300)]
    once = plan_retention(found, {}, keep, PARIS)
    again = plan_retention(once.staying, {}, keep, PARIS)
    assert again.going == ()


GONE = timedelta(days=14) + timedelta(days=4)


def upkeep(prunes: Sequence[PastPrune] = (), **changes: Any) -> Upkeep:
    values: dict[str, Any] = {"since": NOW - 400 * DAY, "arrivals": {}, "noncurrent_bytes": 0, **changes}
    return Upkeep(Keep(daily=30), PARIS, 14, values["since"], prunes, values["arrivals"], values["noncurrent_bytes"])


def arrivals(days: int) -> dict[str, datetime]:
    return {each.id: each.arrived_at for each in daily(days)}


def test_a_machine_that_nobody_prunes_is_late_once_backups_are_overdue_for_a_month() -> None:
    assert judge_upkeep("m", upkeep(arrivals=arrivals(30)), NOW) == ()
    [finding] = judge_upkeep("m", upkeep(arrivals=arrivals(70)), NOW)
    assert (finding.kind, finding.evidence) == (FindingKind.RETENTION_LATE, {"last_at": None, "count": 39})
    recent = [PastPrune(NOW - 2 * DAY, 0, 0, 0, 10)]
    assert judge_upkeep("m", upkeep(recent, arrivals=arrivals(70)), NOW) == ()
    assert judge_upkeep("m", upkeep(since=NOW - 5 * DAY, arrivals=arrivals(70)), NOW) == (), "new here"


def test_versions_that_do_not_expire_are_found_when_their_days_are_over() -> None:
    old = PastPrune(NOW - GONE, 4, 1000, 0, 9000)
    recent = PastPrune(NOW - DAY, 1, 300, 0, 9000)
    assert judge_upkeep("m", upkeep([old, recent], noncurrent_bytes=900), NOW) == (), "these may be of the recent one"
    [finding] = judge_upkeep("m", upkeep([old, recent], noncurrent_bytes=1300), NOW)
    assert finding.kind is FindingKind.RETENTION_FREES_NOTHING
    assert finding.evidence == {"why": "versions", "at": old.at.isoformat(), "bytes": 1000}
    assert judge_upkeep("m", upkeep([recent], noncurrent_bytes=99999), NOW) == (), "too early to say"


def test_data_that_no_backup_needs_and_that_stays_is_found() -> None:
    old = PastPrune(NOW - GONE, 4, 0, 2000, 9000)
    [finding] = judge_upkeep("m", upkeep([old, PastPrune(NOW - DAY, 0, 0, 2000, 9000)]), NOW)
    assert (finding.evidence["why"], finding.evidence["bytes"]) == ("unused", 2000)
    assert judge_upkeep("m", upkeep([old, PastPrune(NOW - DAY, 0, 0, 400, 9000)]), NOW) == (), "restic leaves 5 %"


def test_what_is_due_is_counted_by_arrivals_alone() -> None:
    assert count_due(arrivals(40).values(), Keep(daily=30), PARIS, NOW) == 10
    assert count_due(arrivals(40).values(), Keep(daily=30), PARIS, NOW - 35 * DAY) == 4
    assert count_due([], Keep(daily=30), PARIS, NOW) == 0
