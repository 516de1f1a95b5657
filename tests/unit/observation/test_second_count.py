"""The platform's own daily figure beside Coffre's records."""

from datetime import UTC, date, datetime

import pytest

from coffre.findings import FindingKind
from coffre.observation.judge.second_count import MARGIN_BYTES, judge_second_count
from coffre.records.activity import Usage

DAY, GIB = date(2026, 11, 20), 1 << 30


def usage(day: int, stored_bytes: int, machine: str = "compta-01") -> Usage:
    at = datetime(2026, 11, day, 20, tzinfo=UTC)
    return Usage("k7f3q9wz2m", machine, at.date(), stored_bytes, stored_bytes, at)


@pytest.mark.parametrize(
    ("figure", "counted", "agrees"),
    [
        (100 * GIB, [(20, 100 * GIB)], True),
        (100 * GIB, [(20, 91 * GIB)], True),
        (100 * GIB, [(20, 89 * GIB)], False),
        (89 * GIB, [(20, 100 * GIB)], False),
        (50 * GIB, [(19, 10 * GIB), (21, 90 * GIB)], True),
        (0, [(20, MARGIN_BYTES)], True),
        (0, [(20, MARGIN_BYTES + 1)], False),
        (5 * GIB, [(18, 100 * GIB), (22, 100 * GIB)], True),
        (5 * GIB, [], True),
    ],
    ids=["equal", "near", "more", "less", "between", "small", "hidden", "other days", "no record"],
)
def test_a_figure_that_no_record_of_its_days_agrees_with_is_told(
    figure: int, counted: list[tuple[int, int]], agrees: bool
) -> None:
    found = judge_second_count("compta-01", DAY, figure, [usage(day, size) for day, size in counted])
    assert [each.kind for each in found] == ([] if agrees else [FindingKind.SIZES_DISAGREE])


def test_the_finding_has_both_sizes_and_another_machine_s_record_is_not_taken() -> None:
    usages = [usage(20, 10 * GIB), usage(21, 20 * GIB), usage(20, 90 * GIB, "caisse-01")]
    (found,) = judge_second_count("compta-01", DAY, 90 * GIB, usages)
    assert found.machine == "compta-01"
    assert found.evidence == {"day": "2026-11-20", "figure_bytes": 90 * GIB, "counted_bytes": 20 * GIB}
