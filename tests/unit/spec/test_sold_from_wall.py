"""The sold quota counted back from a wall, and sizes as a file may say them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coffre.spec.gateways import Gateways
from coffre.spec.quota import find_sold_bytes, wall_bytes
from coffre.spec.values.sizes import parse_size, round_size, write_size


class Terms:
    reserve_minimum_bytes = 1 << 30
    reserve_percent = 5
    undelete_allowance_percent = 25
    counting = Gateways(count=2)
    quota_unit_bytes = 1024


@pytest.mark.parametrize("sold", ["500 Go", "2 TiB", "1.5 To", "200 GiB", "10 Mo", "1 234.5 Go", "1 PiB", "999 Go"])
def test_the_quota_of_an_order_form_is_found_again(sold: str) -> None:
    found = find_sold_bytes(wall_bytes(parse_size(sold), Terms()), Terms())
    assert found == parse_size(sold)
    assert write_size(found) == sold


def test_a_wall_that_no_quota_has_is_none() -> None:
    assert find_sold_bytes(12345, Terms()) is None
    assert find_sold_bytes(1 << 29, Terms()) is None, "below the reserve alone"


@given(st.integers(10**6, 10**16))
def test_any_quota_gives_one_with_the_same_wall(sold: int) -> None:
    wall = wall_bytes(sold, Terms())
    found = find_sold_bytes(wall, Terms())
    assert found is not None
    assert wall_bytes(found, Terms()) == wall


@given(st.integers(1000, 10**18))
def test_a_written_size_reads_back_as_itself(count: int) -> None:
    assert parse_size(write_size(count)) == count


def test_the_roundest_of_several_sizes() -> None:
    assert write_size(round_size(499_999_999_800, 500_000_000_300)) == "500 Go"
    assert round_size(1_000_001, 1_000_001) == 1_000_001
