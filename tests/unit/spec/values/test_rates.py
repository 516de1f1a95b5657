"""The rate of a line: bits a second, and nothing guessed."""

import pytest

from coffre.spec.values.rates import LEAST, MOST, format_rate, parse_rate
from coffre.spec.values.sizes import SizeError


@pytest.mark.parametrize(
    ("text", "bits"),
    [("20 Mbit/s", 20 * 10**6), ("1,5 Gbit/s", 1_500_000_000), ("512kbit/s", 512_000), ("2.048 Mbit/s", 2_048_000)],
)
def test_a_rate_is_read_and_written_back(text: str, bits: int) -> None:
    assert parse_rate(text) == bits
    assert format_rate(LEAST) == "10 kbit/s"
    assert parse_rate(format_rate(10**9)) == 10**9


def test_a_rate_with_two_readings_gets_them_spelled_out() -> None:
    with pytest.raises(SizeError) as refused:
        parse_rate("20 MB/s")
    assert str(refused.value) == "does not say its unit as bit/s; write 20 kbit/s, 20 Mbit/s or 20 Gbit/s"


@pytest.mark.parametrize("text", ["", "fast", "20", "-1 Mbit/s", "0 Mbit/s", "1 kbit/s", "999 Gbit/s", "1e3 Mbit/s"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(SizeError):
        parse_rate(text)


def test_the_bounds_are_rates() -> None:
    assert (parse_rate(format_rate(LEAST)), parse_rate(format_rate(MOST))) == (LEAST, MOST)
