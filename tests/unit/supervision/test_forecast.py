"""The day on which a quota is reached, whatever steps a machine's volume makes."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest

from coffre.records.activity import Usage
from coffre.supervision.judge.forecast import Forecast, Outlook, foresee

TODAY = date(2026, 11, 30)
GIB = 1024**3


def history(size_on: Callable[[int], float], days: int = 40, machine: str = "pc-1") -> list[Usage]:
    """Give the volume of each day before today; ``size_on`` takes the number of days since the first."""
    found = []
    for number in range(days):
        day = TODAY - timedelta(days=days - 1 - number)
        size = int(size_on(number))
        found.append(Usage("k7", machine, day, size, size, datetime(day.year, day.month, day.day, 20, tzinfo=UTC)))
    return found


def days_left(forecast: Forecast) -> int:
    assert forecast.outlook is Outlook.GROWING, forecast
    assert forecast.reached_on is not None
    return (forecast.reached_on - TODAY).days


def test_even_growth_reaches_the_quota_on_its_day() -> None:
    found = foresee(history(lambda day: 100 * GIB + day * GIB), 149 * GIB, TODAY)
    assert days_left(found) == 10
    assert found.bytes_a_day == GIB


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param(lambda day: (100 if day < 20 else 60) * GIB + day * GIB, id="half of it is deleted"),
        pytest.param(lambda day: (0 if day < 1 else 100) * GIB + day * GIB, id="a first full backup"),
        pytest.param(lambda day: 100 * GIB + day // 7 * 7 * GIB, id="a machine that backs up once a week"),
        pytest.param(lambda day: 100 * GIB + (day - day // 7 * 2) * 1.4 * GIB, id="working days only"),
        pytest.param(lambda day: 100 * GIB + day * GIB + (50 * GIB if day == 30 else 0), id="one odd day"),
    ],
)
def test_steps_are_no_growth(shape: Callable[[int], float]) -> None:
    found = foresee(history(shape), 300 * GIB, TODAY)
    assert found.bytes_a_day == pytest.approx(GIB, rel=0.25)


def test_a_new_machine_beside_an_old_one_does_not_count_as_growth() -> None:
    old = history(lambda day: 500 * GIB + day * GIB)
    new = history(lambda day: 20 * GIB if day else GIB, days=5, machine="pc-2")
    found = foresee([*old, *new], 1000 * GIB, TODAY)
    assert found.bytes_a_day == pytest.approx(GIB)


def test_without_enough_history_nothing_is_said() -> None:
    assert foresee([], GIB, TODAY) == Forecast(Outlook.UNKNOWN)
    short = foresee(history(lambda day: 100 * GIB + day * GIB, days=17), 300 * GIB, TODAY)
    assert (short.outlook, short.days) == (Outlook.UNKNOWN, 14)
    assert foresee(history(lambda day: 100 * GIB + day * GIB, days=18), 300 * GIB, TODAY).outlook is Outlook.GROWING


def test_a_large_machine_without_history_leaves_it_unknown() -> None:
    old = history(lambda day: 50 * GIB + day * GIB)
    new = history(lambda day: 100 * GIB, days=5, machine="pc-2")
    assert foresee([*old, *new], 1000 * GIB, TODAY).outlook is Outlook.UNKNOWN


@pytest.mark.parametrize("slope", [0, -GIB, 1])
def test_what_shrinks_or_hardly_grows_reaches_nothing(slope: int) -> None:
    assert foresee(history(lambda day: 100 * GIB + day * slope), 300 * GIB, TODAY).outlook is Outlook.STEADY


def test_a_quota_that_is_reached_is_said() -> None:
    assert foresee(history(lambda day: 100 * GIB), 100 * GIB, TODAY).outlook is Outlook.REACHED


def test_missing_days_are_gaps_and_no_guess() -> None:
    gaps = [each for each in history(lambda day: 100 * GIB + day * GIB) if each.measured_on.day % 3]
    assert foresee(gaps, 300 * GIB, TODAY).bytes_a_day == pytest.approx(GIB)
