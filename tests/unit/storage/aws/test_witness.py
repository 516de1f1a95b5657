"""CloudWatch's daily figures: what is added up, and what is no figure."""

from datetime import UTC, date, datetime

import pytest

from coffre.storage.aws.witness import read_points, sum_newest
from coffre.storage.s3.faults import AbsurdAnswerError
from coffre.storage.values import DailyFigure

MONDAY, TUESDAY = datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 1, 6, tzinfo=UTC)


def test_the_classes_of_the_newest_day_are_added_up() -> None:
    answer = {
        "MetricDataResults": [
            {"Timestamps": [TUESDAY, MONDAY], "Values": [100.0, 90.0]},
            {"Timestamps": [TUESDAY], "Values": [7.0]},
            {"Timestamps": [], "Values": []},
        ]
    }
    assert sum_newest(read_points(answer, "b")) == DailyFigure(date(2026, 1, 6), 107)
    assert sum_newest([]) is None


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"MetricDataResults": None},
        {"MetricDataResults": [{"Timestamps": [MONDAY], "Values": []}]},
        {"MetricDataResults": [{"Timestamps": ["now"], "Values": [1.0]}]},
        {"MetricDataResults": [{"Timestamps": [MONDAY.replace(tzinfo=None)], "Values": [1.0]}]},
        {"MetricDataResults": [{"Timestamps": [MONDAY], "Values": [-1.0]}]},
        {"MetricDataResults": [{"Timestamps": [MONDAY], "Values": [float("nan")]}]},
        {"MetricDataResults": [{"Timestamps": [MONDAY], "Values": [1e300]}]},
    ],
)
def test_what_is_no_figure_is_refused(answer: dict[str, object]) -> None:
    with pytest.raises(AbsurdAnswerError):
        read_points(answer, "b")
