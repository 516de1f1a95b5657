"""The quota that a tenant needs: enough for its growth, of a size that is sold, and never a guess about growth."""

import pytest

from coffre.supervision.judge.raising import SoldSizes, suggest_quota

GIB = 1024**3
STEPS = SoldSizes([100 * GIB, 500 * GIB, 1024 * GIB], 1024 * GIB)


@pytest.mark.parametrize(
    ("used_gib", "gib_a_day", "sold_gib"),
    [
        (70, 0, 100),
        (80, 0, 500),
        (70, 1, 500),
        (390, 0, 500),
        (400, 0, 1024),
        (400, 2, 1024),
        (500, 2, 2048),
        (2000, 0, 3072),
        (70, -5, 100),
        (70, None, 100),
    ],
)
def test_the_smallest_sold_size_of_which_less_than_80_percent_is_used(
    used_gib: int, gib_a_day: float | None, sold_gib: int
) -> None:
    growth = None if gib_a_day is None else gib_a_day * GIB
    assert suggest_quota(used_gib * GIB, growth, 200, 100 * GIB, STEPS) == sold_gib * GIB


def test_without_a_price_list_it_has_two_digits_in_the_unit_of_the_quota() -> None:
    assert suggest_quota(93 * GIB, None, 365, 100 * GIB, SoldSizes()) == 120 * GIB
    assert suggest_quota(470 * 10**9, None, 365, 500 * 10**9, SoldSizes()) == 590 * 10**9


def test_beyond_the_last_size_of_a_list_without_more_it_is_not_rounded_down() -> None:
    assert suggest_quota(93 * GIB, None, 365, 100 * GIB, SoldSizes([100 * GIB])) == 120 * GIB
