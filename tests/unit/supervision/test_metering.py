"""What is kept of a day: the first look of it, and the one right after midnight; a missed day stays missed."""

from datetime import UTC, date, datetime, timedelta

import pytest

from coffre.observation.judge.filling import MachineStore
from coffre.records.activity import Midnight, Usage
from coffre.supervision.judge.metering import Measurements, Metered, Zones, measure_day
from coffre.supervision.judge.quota import Use

STORES = {"pc-1": MachineStore("pc-1", 10, 9, 15, 3), "pc-2": MachineStore("pc-2", 20, 19, 25, 3)}
ZONES = Zones("Indian/Reunion", "Europe/Paris")


def measure(at: datetime, metered: Metered = Metered(), current: int | None = 30) -> Measurements:  # noqa: B008
    return measure_day("t", STORES, Use(at, 40, current), metered, ZONES)


def test_the_first_look_of_a_day_measures_it_in_the_time_zone_of_each() -> None:
    at = datetime(2026, 11, 29, 23, 4, tzinfo=UTC)  # 00:04 in Paris, 03:04 in Saint-Denis
    first = measure(at)
    day = date(2026, 11, 30)
    assert first == Measurements(
        Metered(day, day),
        (Usage("t", "pc-1", day, 10, 15, at), Usage("t", "pc-2", day, 20, 25, at)),
        (Midnight("t", day, 30, 40, at),),
    )
    assert first.midnights[0].noncurrent_bytes == 10
    again = measure(at + timedelta(minutes=5), first.metered)
    assert again == Measurements(first.metered)
    evening = measure(datetime(2026, 11, 30, 21, tzinfo=UTC), first.metered)
    assert [each.measured_on for each in evening.usages] == [date(2026, 12, 1)] * 2
    assert evening.midnights == ()


def test_a_look_that_comes_too_late_measures_no_midnight() -> None:
    late = measure(datetime(2026, 11, 30, 0, 30, tzinfo=UTC))
    assert late.midnights == ()
    assert late.metered.midnight_on is None
    assert len(late.usages) == len(STORES)


def test_a_look_that_did_not_see_all_measures_nothing() -> None:
    assert measure(datetime(2026, 11, 29, 23, 4, tzinfo=UTC), current=None) == Measurements(Metered())


@pytest.mark.parametrize(
    ("at", "day"),
    [
        (datetime(2027, 3, 27, 23, 30, tzinfo=UTC), date(2027, 3, 28)),
        (datetime(2027, 3, 28, 22, 30, tzinfo=UTC), date(2027, 3, 29)),
        (datetime(2026, 10, 24, 22, 30, tzinfo=UTC), date(2026, 10, 25)),
        (datetime(2026, 10, 25, 23, 30, tzinfo=UTC), date(2026, 10, 26)),
    ],
)
def test_the_days_on_which_the_clock_changes_begin_at_midnight_too(at: datetime, day: date) -> None:
    assert [each.day for each in measure(at).midnights] == [day]
