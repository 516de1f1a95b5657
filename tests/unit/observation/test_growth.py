"""How fast a tenant grows, by its recorded usage."""

from datetime import UTC, date, datetime, timedelta

import pytest

from coffre.observation.judge.growth import last_current_bytes, measure_growth
from coffre.records.activity import Usage

TODAY = date(2026, 11, 28)
NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


def usage(days_ago: int, current_bytes: int, machine: str = "compta-01", hours_before_noon: int = 0) -> Usage:
    at = NOON - timedelta(days=days_ago, hours=hours_before_noon)
    return Usage("k7f3q9wz2m", machine, TODAY - timedelta(days=days_ago), current_bytes, 9 * current_bytes, at)


@pytest.mark.parametrize(
    ("usages", "growth"),
    [
        ([], None),
        ([usage(0, 5)], None),
        ([usage(1, 0), usage(0, 86_400)], 1.0),
        ([usage(1, 0, hours_before_noon=12), usage(0, 129_600)], 1.0),
        ([usage(2, 0), usage(1, 86_400)], 1.0),
        ([usage(2, 10**9), usage(1, 0), usage(0, 172_800)], 2.0),
        ([usage(1, 100), usage(0, 10)], 0.0),
        ([usage(3, 0), usage(0, 10**9)], None),
        ([usage(1, 0), usage(0, 43_200), usage(1, 7, "caisse-01"), usage(0, 43_207, "caisse-01")], 1.0),
        ([usage(1, 0), usage(0, 43_200), usage(0, 43_200, "neuf-01")], 1.0),
        ([usage(1, 0), Usage("k7f3q9wz2m", "compta-01", TODAY, 5, 5, NOON - timedelta(days=1))], None),
    ],
)
def test_the_growth_is_that_of_the_last_day_and_unknown_without_two_days(
    usages: list[Usage], growth: float | None
) -> None:
    assert measure_growth(usages, TODAY) == growth


def test_the_last_usage_is_that_of_every_machine_on_the_newest_day() -> None:
    assert last_current_bytes([]) is None
    known = [usage(1, 100), usage(1, 100, "caisse-01"), usage(0, 7), usage(0, 8, "caisse-01")]
    assert last_current_bytes(known) == 15
