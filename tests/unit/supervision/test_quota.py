"""Warnings, the measured rate, and when to look again."""

from datetime import UTC, datetime, timedelta

import pytest

from coffre.findings import Finding, FindingKind
from coffre.records.kept_findings import KeptFinding
from coffre.supervision.findings.life import Subject, place_of
from coffre.supervision.judge.quota import (
    LOOK_SECONDS_AT_LEAST,
    PEAK_KEPT,
    Limits,
    Peak,
    Use,
    follow_peak,
    highest_rate,
    judge_quota,
    leave_out_lesser,
    next_look_seconds,
)

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
QUOTA, MIB = 1000, 1024**2


def warnings(current: int | None, *warned: int, closed: bool = False) -> list[int | str]:
    found = judge_quota(Use(NOON, 2000, current), QUOTA, is_gate_closed=closed, warned=warned)
    return [
        int(each.evidence["percent"] or 0) if each.kind is FindingKind.QUOTA_NEAR else each.kind.value for each in found
    ]


@pytest.mark.parametrize(
    ("current", "warned", "expected"),
    [
        (799, (), []),
        (800, (), [80]),
        (899, (80,), [80]),
        (900, (80,), [80, 90]),
        (870, (80, 90), [80, 90]),
        (869, (80, 90), [80]),
        (770, (80,), [80]),
        (769, (80,), []),
        (None, (), []),
    ],
)
def test_a_warning_begins_at_its_part_and_ends_clearly_below(
    current: int | None, warned: tuple[int, ...], expected: list[int]
) -> None:
    assert warnings(current, *warned) == expected


def test_a_closed_gate_is_a_finding_whatever_is_used() -> None:
    assert warnings(980, 80, 90, closed=True) == [80, 90, "quota_reached"]


def looks(*sizes: int, apart: timedelta = timedelta(seconds=10)) -> list[Use]:
    return [Use(NOON - apart * (len(sizes) - 1 - turn), size) for turn, size in enumerate(sizes)]


def test_the_highest_rate_of_the_last_hour_counts() -> None:
    assert highest_rate(looks(0, 100, 150), NOON) == 10
    assert highest_rate(looks(0, 100, 150), NOON + timedelta(hours=2)) == 0
    assert highest_rate(looks(100, 0), NOON) == 0
    assert highest_rate([], NOON) == 0


@pytest.mark.parametrize(
    ("sizes", "wall", "expected"),
    [
        ((0,), 10_000, 300),
        ((0, 100), 1_300, 60),
        ((0, 100), 10**9, 300),
        ((0, 100), 110, LOOK_SECONDS_AT_LEAST),
        ((0, 100), 50, LOOK_SECONDS_AT_LEAST),
        ((0, 100), None, 45),
    ],
)
def test_the_next_look_comes_before_half_of_the_way_to_the_wall(
    sizes: tuple[int, ...], wall: int | None, expected: int
) -> None:
    assert next_look_seconds(looks(*sizes), Limits(QUOTA, wall), NOON, 300, 0.0) == expected


def test_machines_that_rest_may_begin_at_any_time_so_the_possible_rate_counts() -> None:
    resting, limits = looks(900, 900), Limits(QUOTA, 1300)
    assert next_look_seconds(resting, limits, NOON, 300, 0.0) == 300
    assert next_look_seconds(resting, limits, NOON, 300, 2.0) == 100
    assert next_look_seconds(resting, limits, NOON, 300, 0.1) == 300


def test_the_peak_is_the_highest_rate_of_thirty_days() -> None:
    fast, slow = looks(0, 1000), looks(0, 100)
    peak = follow_peak(None, fast, NOON)
    assert peak == Peak(NOON, 100.0)
    later = NOON + timedelta(seconds=10)
    assert follow_peak(peak, slow, later) == peak
    assert follow_peak(peak, [], later) == peak
    after = NOON + PEAK_KEPT + timedelta(minutes=1)
    assert follow_peak(peak, [Use(after - timedelta(seconds=10), 0), Use(after, 100)], after) == Peak(after, 10.0)


def test_of_the_warnings_of_a_quota_people_read_the_highest() -> None:
    def kept(kind: FindingKind, **evidence: int) -> KeptFinding:
        finding = Finding(kind, None, evidence)
        return KeptFinding(place_of(Subject("t", "t"), finding), "t", NOON, NOON, evidence)

    near, nearer = (kept(FindingKind.QUOTA_NEAR, percent=percent) for percent in (80, 90))
    reached, other = kept(FindingKind.QUOTA_REACHED), kept(FindingKind.TENANT_NOT_SEEN)
    assert leave_out_lesser([near, other]) == [near, other]
    assert leave_out_lesser([near, nearer, other]) == [nearer, other]
    assert leave_out_lesser([near, nearer, reached, other]) == [reached, other]
