"""Outages, unknown times and the yearly budget, of probes as they are kept."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from coffre.records.probes import CANNOT_LOOK, ProbeSpan, join, one_probe
from coffre.supervision.judge.availability import Availability, Excused, budget_of, judge_year, year_of
from coffre.supervision.judge.intervals import Interval, intersect, subtract, total, unite
from coffre.supervision.judge.outages import find_outages, find_unprobed

PARIS = "Europe/Paris"
NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


FAULTS = {"-": "unreachable", "?": CANNOT_LOOK}


def kept(probes: Iterable[tuple[datetime, str]]) -> list[ProbeSpan]:
    """Return single probes as the records keep them: joined, and cut where a day ends."""
    found: list[ProbeSpan] = []
    for at, mark in probes:
        new = one_probe("lab", at, 20) if mark == "+" else one_probe("lab", at, 5000, "write", FAULTS[mark])
        same_day = found and found[-1].begins_at.date() == at.date()
        joined = join(found[-1], new) if same_day else None
        found[-1 if joined else len(found) :] = [joined or new]
    return found


def minutes(first: datetime, marks: str) -> list[tuple[datetime, str]]:
    """Return a probe a minute: ``+`` is up, ``-`` is down, ``?`` could not look, a blank is none."""
    return [(first + turn * MINUTE, mark) for turn, mark in enumerate(marks) if mark != " "]


def judge(
    probes: Iterable[tuple[datetime, str]], now: datetime, excused: Excused | None = None, year: int = 2026
) -> Availability:
    return judge_year(kept(probes), excused or Excused(), year, PARIS, now)


@pytest.mark.parametrize(("marks", "lengths"), [
    ("++++", []),
    ("++--++", []),
    ("++---++", [3]),
    ("---++", [3]),
    ("+----+---+", [4, 3]),
    ("+--+--+--+", []),
])  # fmt: skip
def test_three_failures_in_a_row_are_an_outage_from_the_first_to_the_next_success(
    marks: str, lengths: list[int]
) -> None:
    found = find_outages(kept(minutes(NOON, marks)), NOON + HOUR)
    assert [(each.ends_at - each.begins_at) // MINUTE for each in found] == lengths
    assert all((each.step, each.fault, each.is_going_on) == ("write", "unreachable", False) for each in found)


def test_an_outage_goes_on_while_its_newest_failure_is_fresh() -> None:
    spans = kept(minutes(NOON, "+++---"))
    (found,) = find_outages(spans, NOON + 6 * MINUTE)
    assert (found.begins_at, found.ends_at, found.is_going_on) == (NOON + 3 * MINUTE, NOON + 6 * MINUTE, True)
    (later,) = find_outages(spans, NOON + HOUR)
    assert (later.ends_at, later.is_going_on) == (NOON + 5 * MINUTE, False), "then nobody probed, and nobody knows"


def test_an_outage_over_midnight_is_one() -> None:
    first = datetime(2026, 6, 15, 23, 57, tzinfo=UTC)
    spans = kept(minutes(first, "+" + "-" * 5 + "+"))
    assert len(spans) == 4
    (found,) = find_outages(spans, first + HOUR)
    assert (found.begins_at, found.ends_at, found.failures) == (first + MINUTE, first + 6 * MINUTE, 5)


def test_where_nobody_probed_it_is_neither_up_nor_down() -> None:
    spans = kept([*minutes(NOON, "+++"), *minutes(NOON + 10 * MINUTE, "---+")])
    within = Interval(NOON - HOUR, NOON + 15 * MINUTE)
    assert find_unprobed(spans, within) == (
        Interval(NOON - HOUR, NOON),
        Interval(NOON + 2 * MINUTE, NOON + 10 * MINUTE),
    )
    assert find_unprobed(spans, Interval(within.begins_at, NOON + HOUR))[-1] == Interval(
        NOON + 13 * MINUTE, NOON + HOUR
    )
    assert find_unprobed([], within) == (within,)
    (outage,) = find_outages(spans, within.ends_at)
    assert outage.begins_at == NOON + 10 * MINUTE, "the unknown time before is not down"


def test_a_probe_that_could_not_look_is_as_none() -> None:
    marks = "+++?????????---+"
    assert find_outages(kept(minutes(NOON, "+++?????+")), NOON + HOUR) == []
    (outage,) = find_outages(kept(minutes(NOON, marks)), NOON + HOUR)
    assert (outage.begins_at, outage.failures) == (NOON + 12 * MINUTE, 3)
    blank, refused = (kept(minutes(NOON, each)) for each in (marks.replace("?", " "), marks))
    within = Interval(NOON, NOON + 15 * MINUTE)
    assert find_unprobed(refused, within) == find_unprobed(blank, within) != ()
    (before,) = find_outages(kept(minutes(NOON, "+---????")), NOON + 7 * MINUTE)
    assert (before.ends_at, before.is_going_on) == (NOON + 3 * MINUTE, False), "then nobody knows"
    year = judge(minutes(NOON, "+" + "?" * 60 + "+"), NOON + 61 * MINUTE)
    assert (year.used_seconds, year.outages) == (0, [])


def test_an_interval_that_begins_between_two_close_probes_is_probed() -> None:
    spans = kept(minutes(NOON, "++++"))
    inside = Interval(NOON + timedelta(seconds=90), NOON + timedelta(seconds=100))
    assert find_unprobed(spans, inside) == ()


@pytest.mark.parametrize(("year", "budget"), [
    (2026, timedelta(hours=26, minutes=16, seconds=48)),
    (2028, timedelta(hours=26, minutes=21, seconds=7, milliseconds=200)),
])  # fmt: skip
def test_the_budget_is_that_of_the_contract(year: int, budget: timedelta) -> None:
    assert budget_of(year_of(year, PARIS)) == budget


def test_a_year_begins_and_ends_at_midnight_in_paris() -> None:
    new_year = datetime(2027, 1, 1, tzinfo=ZoneInfo(PARIS)).astimezone(UTC)
    assert new_year == datetime(2026, 12, 31, 23, tzinfo=UTC)
    probes = minutes(new_year - 4 * MINUTE, "+" + "-" * 6 + "+")
    now = new_year + HOUR
    before, after = judge(probes, now, year=2026), judge(probes, now, year=2027)
    assert (before.used_seconds, after.used_seconds) == (180, 180)
    assert before.months[11].used_seconds == 180
    assert after.months[0].used_seconds == 180
    assert (before.until, after.until) == (new_year, now)


def test_months_are_those_of_paris_also_over_a_clock_change() -> None:
    april = datetime(2026, 3, 31, 22, tzinfo=UTC)
    found = judge(minutes(april - 2 * MINUTE, "-----+"), april + HOUR)
    assert [each.used_seconds for each in found.months[2:4]] == [120, 180]
    assert sum(each.unprobed_seconds for each in found.months) == found.unprobed_seconds


def test_what_is_excused_does_not_count_and_the_rest_does() -> None:
    probes = minutes(NOON, "+" + "-" * 59 + "+")

    def within(first: int, last: int) -> list[Interval]:
        return [Interval(NOON + first * MINUTE, NOON + last * MINUTE)]

    found = judge(probes, NOON + HOUR, Excused(within(0, 20), within(10, 30), within(50, 55)))
    assert (found.used_seconds, found.excused_seconds) == (25 * 60, 34 * 60)
    assert [(each.counted_seconds, each.ends_at - each.begins_at) for each in found.outages] == [(25 * 60, 59 * MINUTE)]
    assert found.left_seconds == found.budget_seconds - 25 * 60


def test_the_share_is_that_of_the_time_that_was_probed() -> None:
    found = judge(minutes(NOON, "+" * 50 + "-" * 10 + "+"), NOON + HOUR)
    assert found.probed_seconds == 3600
    assert found.percent == pytest.approx(100 * 50 / 60)
    assert judge([], NOON).percent is None
    assert judge([], NOON, year=2027).unprobed_seconds == 0, "a year that has not begun"


def test_a_year_of_probes_is_a_row_a_day() -> None:
    new_year = year_of(2026, PARIS).begins_at.astimezone(UTC)
    spans = kept((new_year + turn * MINUTE, "+") for turn in range(30 * 24 * 60))
    assert len(spans) == 31, "30 days in Paris touch 31 in UTC"
    found = judge_year(spans, Excused(), 2026, PARIS, new_year + timedelta(days=30))
    assert (found.percent, found.unprobed_seconds, found.used_seconds) == (100, 0, 0)


def test_sets_of_times() -> None:
    def at(first: int, last: int) -> Interval:
        return Interval(NOON + first * MINUTE, NOON + last * MINUTE)

    assert unite([at(5, 7), at(0, 2), at(1, 3), at(3, 4), at(9, 9)]) == (at(0, 4), at(5, 7))
    assert intersect((at(0, 4), at(5, 7)), (at(3, 6),)) == (at(3, 4), at(5, 6))
    assert subtract((at(0, 4), at(5, 7)), (at(1, 2), at(3, 6))) == (at(0, 1), at(2, 3), at(6, 7))
    assert total([at(0, 1), at(2, 4)]) == 3 * MINUTE
