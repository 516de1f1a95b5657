"""The rules of telling: at once or in the digest, how often, and when to try again."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from coffre.findings import Finding, FindingKind
from coffre.records.messages import Audience, Message, MessageKind, Told
from coffre.supervision.telling.rules import (
    GIVE_UP_AFTER,
    STORM,
    first_moment,
    gather,
    is_given_up,
    is_urgent,
    next_digest,
    pause_after,
)

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def message(number: int, **changes: object) -> Message:
    made = Message(
        Audience.CHANNEL, "ops", "t", "martin", MessageKind.FINDING, f"{number}", "x", Told.BEGIN, {}, NOON, NOON,
        id=number,
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "evidence", "expected"),
    [
        (FindingKind.BACKUP_LATE, {}, False),
        (FindingKind.BACKUP_MISSED, {}, True),
        (FindingKind.QUOTA_NEAR, {"percent": 80}, False),
        (FindingKind.QUOTA_NEAR, {"percent": 90}, True),
        (FindingKind.QUOTA_REACHED, {}, True),
        (FindingKind.PLATFORM_AWAY, {}, True),
        (FindingKind.VENDOR_ALERT, {"severity": "critical"}, True),
        (FindingKind.VENDOR_ALERT, {"severity": "error"}, True),
        (FindingKind.VENDOR_ALERT, {"severity": "warning"}, False),
        (FindingKind.PART_FULL, {}, True),
        (FindingKind.FOREIGN_KEYS, {}, True),
        (FindingKind.VERIFICATION_LATE, {}, False),
        (FindingKind.COPY_FAULTS, {}, False),
        (FindingKind.CUSTOMER_NOT_TOLD, {}, True),
    ],
)
def test_what_cannot_wait_is_told_at_once(kind: FindingKind, evidence: dict[str, int], expected: bool) -> None:
    assert is_urgent(Finding(kind, None, evidence)) is expected


def test_the_digest_is_due_at_its_time_of_day_also_when_the_clocks_change() -> None:
    paris = ZoneInfo("Europe/Paris")
    eight = time(8)
    assert next_digest(NOON, eight, "Europe/Paris") == datetime(2026, 11, 24, 8, tzinfo=paris)
    assert next_digest(NOON.replace(hour=6), eight, "Europe/Paris") == datetime(2026, 11, 23, 8, tzinfo=paris)
    at = datetime(2026, 11, 24, 8, tzinfo=paris)
    assert next_digest(at, eight, "Europe/Paris") == datetime(2026, 11, 25, 8, tzinfo=paris), "not twice a day"
    before_change = datetime(2027, 3, 27, 12, tzinfo=UTC)
    assert next_digest(before_change, eight, "Europe/Paris") == datetime(2027, 3, 28, 6, tzinfo=UTC)


def test_what_opens_and_closes_again_and_again_is_told_more_and_more_rarely() -> None:
    assert first_moment(NOON, []) == NOON
    assert first_moment(NOON, [NOON - timedelta(minutes=10)]) == NOON + timedelta(minutes=50)
    assert first_moment(NOON, [NOON - 2 * HOUR]) == NOON
    assert first_moment(NOON, [NOON - 3 * HOUR, NOON - HOUR]) == NOON + HOUR
    assert first_moment(NOON, [NOON - 5 * HOUR, NOON - 3 * HOUR, NOON]) == NOON + 4 * HOUR
    assert first_moment(NOON, [NOON - timedelta(days=2)]) == NOON, "yesterday is forgotten"
    many = [NOON - timedelta(minutes=each) for each in range(90)]
    assert first_moment(NOON, many) == NOON + timedelta(days=1)


def test_pauses_grow_to_an_hour_and_after_days_it_is_given_up() -> None:
    assert [pause_after(each).total_seconds() / 60 for each in (1, 2, 3, 7, 1000)] == [1, 2, 4, 60, 60]
    failed = message(1, attempts=9, error="HTTP 503")
    assert not is_given_up(failed, NOON + GIVE_UP_AFTER - timedelta(seconds=1))
    assert is_given_up(failed, NOON + GIVE_UP_AFTER)
    assert not is_given_up(message(1), NOON + GIVE_UP_AFTER), "nobody tried yet: supervision did not run for days"


def test_a_storm_is_one_message_and_so_is_the_digest() -> None:
    few = [message(number) for number in range(STORM)]
    digest = [message(90 + number, is_digest=True) for number in range(3)]
    assert [each.ids for each in gather([*few, *digest])] == [*([number] for number in range(STORM)), [90, 91, 92]]
    storm = [*few, message(STORM)]
    [batch, _] = gather([*storm, *digest])
    assert (batch.is_digest, batch.ids) == (True, list(range(STORM + 1)))
    assert [*gather([])] == []
