"""The two changes of a year: a plan's hour is one time on each of its days, for every scheduler and for `late`."""

import re
import subprocess
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from coffre.observation.judge.duty import GRACE, Duty, judge_duty
from coffre.spec.rules.hours import check_hours
from coffre.spec.tenant import MachineKind
from coffre.spec.values.clock_changes import find_unlucky, list_changes
from coffre.spec.values.schedule import Schedule, parse_schedule

PARIS = "Europe/Paris"
SPRING, AUTUMN = date(2027, 3, 28), date(2026, 10, 25)


def test_both_changes_of_a_year_are_known_with_the_times_they_touch() -> None:
    known = {
        change.first.date(): (change.first.time(), change.end.time(), change.is_skipped)
        for change in list_changes(PARIS)
    }
    assert known[AUTUMN] == (time(2), time(3), False)
    assert known[SPRING] == (time(2), time(3), True)
    assert list_changes("Asia/Tokyo") == ()


@pytest.mark.parametrize(
    ("text", "timezone", "is_unlucky"),
    [
        ("daily 02:30", PARIS, True),
        ("Sun 02:00", PARIS, True),
        ("Sat,Sun 02:59", PARIS, True),
        ("daily 01:46", PARIS, True),  # with its own delay it would start at 02:00 or later
        ("daily 01:45", PARIS, False),
        ("daily 03:00", PARIS, False),
        ("Mon..Sat 02:30", PARIS, False),
        ("daily 02:30", "Asia/Tokyo", False),
        ("daily 02:30", "Europe/Lisbon", False),
        ("daily 01:30", "Europe/Lisbon", True),
        ("daily 01:30", "America/New_York", True),  # shown twice in November
        ("daily 02:30", "America/New_York", True),  # skipped in March
        ("daily 00:45", "America/New_York", False),
        ("Sun 00:10", "Africa/Cairo", False),
        ("Fri 00:10", "Africa/Cairo", True),  # skipped after midnight of a Friday
        ("Thu 23:50", "Africa/Cairo", True),  # its delay leads past that midnight
        ("daily 02:10", "Australia/Lord_Howe", True),  # half an hour
    ],
)
def test_a_time_that_a_day_lacks_or_has_twice_is_unlucky(text: str, timezone: str, is_unlucky: bool) -> None:
    assert (find_unlucky(parse_schedule(text), timezone) is not None) is is_unlucky


def test_the_nearest_times_that_can_be_are_named() -> None:
    found = find_unlucky(parse_schedule("Sun 02:30"), PARIS)
    assert found is not None
    assert (found.skipped_on, found.doubled_on) == (date(2026, 3, 29), date(2026, 10, 25))
    assert (found.earlier, found.later) == (time(1, 45), time(3))


def test_check_says_which_days_and_what_to_write() -> None:
    data = {"plans": {"nuit": {"schedule": ["Mon..Fri 02:30", "Sun 02:30", "Sun 2h30", 7]}, "rien": {}}}
    (finding,) = check_hours(data)
    assert finding.loc == ("plans", "nuit", "schedule", 1)
    assert "a clock change skips on 2026-03-29 and repeats on 2026-10-25 (Europe/Paris)" in finding.message
    assert "write 01:45 or earlier, or 03:00 or later" in finding.hint
    assert not list(check_hours({**data, "timezone": "Asia/Tokyo"}))
    assert not list(check_hours({**data, "timezone": "Nowhere/Land"}))
    assert not list(check_hours({**data, "status": "leaving"}))


def starts_of_systemd(calendar: str, since: datetime, count: int) -> list[datetime]:
    """Return when systemd would start, as it says itself."""
    done = subprocess.run(
        [
            "systemd-analyze",
            "calendar",
            f"--iterations={count}",
            f"--base-time={since:%Y-%m-%d %H:%M:%S} UTC",
            calendar,
        ],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
        env={"TZ": "UTC", "LC_ALL": "C", "PATH": "/usr/bin:/bin"},
    )
    found = re.findall(
        r"(?:Next elapse|Iter\. #\d+|\(in UTC\)): \w{3} (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC", done.stdout
    )
    return [datetime.fromisoformat(each).replace(tzinfo=UTC) for each in found]


@pytest.mark.parametrize("day", [SPRING, AUTUMN], ids=["spring", "autumn"])
@pytest.mark.parametrize("text", ["daily 01:45", "daily 03:00", "daily 00:00", "Sun 12:30", "Sat,Mon 23:59"])
def test_around_a_change_systemd_starts_when_late_expects_it(day: date, text: str) -> None:
    schedule = parse_schedule(text)
    assert find_unlucky(schedule, PARIS) is None
    since = datetime.combine(day - timedelta(days=3), time(12), UTC)
    calendar = f"{','.join(schedule.days)} {schedule.at:%H:%M}:00 {PARIS}"
    starts = starts_of_systemd(calendar, since, 6)
    assert len(starts) == 6
    assert len({start.astimezone(ZoneInfo(PARIS)).date() for start in starts}) == 6
    for start in starts:
        duty = server(schedule, since - timedelta(days=9))
        grace, before = GRACE[MachineKind.SERVER], start - timedelta(minutes=1)
        assert judge_duty(duty, before, start).unmet_at == start
        assert judge_duty(duty, before, start + grace - timedelta(minutes=1)).finding is None
        assert judge_duty(duty, before, start + grace).finding is not None


def server(schedule: Schedule, since: datetime) -> Duty:
    return Duty("serveur-01", MachineKind.SERVER, [schedule], PARIS, since)


def test_a_skipped_time_of_orders_from_before_makes_nobody_late() -> None:
    schedule = parse_schedule("Sun 02:30")
    noon, before = datetime.combine(SPRING, time(12), UTC), datetime(2027, 3, 21, 2, tzinfo=UTC)
    assert judge_duty(server(schedule, before), before, noon).unmet_at is None
    # Why it is refused: systemd leaves the whole week out.
    assert starts_of_systemd(f"Sun 02:30:00 {PARIS}", datetime(2027, 3, 27, 12, tzinfo=UTC), 1) == [
        datetime(2027, 4, 4, 0, 30, tzinfo=UTC)
    ]
