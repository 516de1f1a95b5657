"""Sizes: binary and decimal units apart, and nothing guessed."""

import pytest

from coffre.spec.values.sizes import SizeError, format_bytes, format_sold, parse_size


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("2 TiB", 2 * 2**40),
        ("2 To", 2 * 10**12),
        ("200GiB", 200 * 2**30),
        ("1,5 To", 1_500_000_000_000),
        ("1.5 KiB", 1536),
        ("1 500 Go", 1500 * 10**9),
        ("2\u202f000\u00a0Mo", 2 * 10**9),
        ("3 PiB", 3 * 2**50),
        ("7 ko", 7000),
    ],
)
def test_both_families_of_units_are_read(text: str, count: int) -> None:
    assert parse_size(text) == count


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2 TB", "is ambiguous; write 2 TiB (2 199 023 255 552 bytes) or 2 To (2 000 000 000 000 bytes)"),
        ("500 GB", "is ambiguous; write 500 GiB (536 870 912 000 bytes) or 500 Go (500 000 000 000 bytes)"),
        ("1 K", "is ambiguous; write 1 KiB (1 024 bytes) or 1 ko (1 000 bytes)"),
        ("200", "has no unit; write 200 GiB (214 748 364 800 bytes) or 200 Go (200 000 000 000 bytes)"),
        ("2199023255552", "has no unit; write 2 TiB if it counts bytes"),
        ("5000000000", "has no unit; write 5 Go if it counts bytes"),
        ("1.0001 ko", "is not a whole number of bytes; write fewer decimals, or a smaller unit than ko"),
    ],
)
def test_a_size_with_two_readings_gets_both_spelled_out(text: str, said: str) -> None:
    with pytest.raises(SizeError) as refused:
        parse_size(text)
    assert str(refused.value) == said


@pytest.mark.parametrize("text", ["", "GiB", "-1 GiB", "1 2 GiB", "5 tera", "1 GiB/s", "١ GiB", "1e3 GiB", "9" * 400])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(SizeError):
        parse_size(text)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1 KiB"),
        (3 * 2**39, "1.5 TiB"),
        (500 * 10**9, "465.66 GiB"),
        (2**30 - 1, "1 GiB"),
        (2**50 - 1, "1 PiB"),
        (-1536, "-1.5 KiB"),
    ],
)
def test_bytes_are_written_in_the_unit_that_they_fill(count: int, text: str) -> None:
    assert format_bytes(count) == text


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("500 Go", "500 Go (465.66 GiB)"),
        ("1,5 To", "1.5 To (1.36 TiB)"),
        ("2 TiB", "2 TiB"),
        ("200 GiB", "200 GiB"),
        ("1000000 GiB", "1 000 000 GiB"),
        ("1024 ko", "1 000 KiB"),
    ],
)
def test_a_quota_is_shown_as_it_was_sold(written: str, shown: str) -> None:
    assert format_sold(parse_size(written)) == shown


def test_what_nobody_sold_is_shown_in_binary() -> None:
    assert format_sold(0) == "0 B"
    assert format_sold(10**9 + 1) == format_bytes(10**9 + 1)
