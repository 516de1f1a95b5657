from datetime import UTC, datetime, timedelta

import pytest

from coffre.outside.times import UnbelievableTimeError, check_time

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "9999-12-31T23:59:59-23:59",
        "0001-01-01T00:00:00+23:59",
        "1999-12-31T23:59:59+00:00",
        "2026-11-29T12:00:01+00:00",
        "2026-11-28T12:00:00",
    ],
)
def test_a_moment_that_no_honest_clock_gives_is_refused(text: str) -> None:
    with pytest.raises(UnbelievableTimeError):
        check_time(datetime.fromisoformat(text), NOW)


def test_a_clock_that_is_a_day_ahead_is_believed_and_read_in_utc() -> None:
    moment = datetime.fromisoformat("2026-11-29T13:00:00+01:00")
    assert check_time(moment, NOW) == NOW + timedelta(days=1)
    assert check_time(moment, NOW).tzinfo is UTC
