"""Which channels are told of what, and the place of a finding as one text."""

from datetime import UTC, datetime, timedelta

from coffre.findings import Finding, FindingKind
from coffre.records.kept_findings import FindingPlace
from coffre.records.messages import Audience
from coffre.spec.platform import Takes
from coffre.supervision.findings.life import Subject, settle
from coffre.supervision.telling.outbox_state import judge_channels
from coffre.supervision.telling.planning import Addressees, plan_messages, read_finding, write_place

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
BOTH = Addressees({"ops": Takes.ALL, "night": Takes.URGENT})
URGENT = Finding(FindingKind.FOREIGN_KEYS, "compta-01", {"key": "x", "count": 1})
LATE = Finding(FindingKind.BACKUP_LATE, "compta-01", {"due_at": None, "last_success_at": None})


def plan(*findings: Finding, addressees: Addressees = BOTH) -> list[tuple[str, bool, datetime]]:
    settled = settle(Subject("t", "martin"), [], findings, lambda _: True, NOON)
    planned = plan_messages(settled, None, addressees, NOON)
    return [(each.recipient, each.is_digest, each.not_before) for each in planned]


def test_each_channel_gets_what_it_takes() -> None:
    morning = datetime(2026, 11, 24, 7, tzinfo=UTC)
    assert plan(URGENT) == [("ops", False, NOON), ("night", False, NOON)]
    assert plan(LATE) == [("ops", True, morning)]
    assert plan(URGENT, addressees=Addressees()) == []


def test_a_channel_that_fails_is_told_of_on_the_others() -> None:
    failing = Finding(FindingKind.CHANNEL_FAILING, None, {"channel": "ops", "error": "x"})
    assert plan(failing) == [("night", False, NOON)]


def test_what_was_told_lately_waits() -> None:
    place = write_place(FindingPlace("t", "", "compta-01", "foreign_keys"))
    told = {(Audience.CHANNEL, "ops", place): [NOON - timedelta(minutes=10)]}
    assert plan(URGENT, addressees=Addressees({"ops": Takes.ALL}, begins=told)) == [
        ("ops", False, NOON + timedelta(minutes=50))
    ]


def test_a_place_reads_the_same_before_and_after_it_was_in_the_database() -> None:
    hostile = Finding(FindingKind.PATH_NOT_SAVED, "compta-01", {"path": "/a\0\ud800é", "state": "empty"})
    settled = settle(Subject("t", "martin"), [], [hostile], lambda _: True, NOON)
    [message] = plan_messages(settled, None, Addressees({"ops": Takes.ALL}), NOON)
    assert write_place(read_finding(message).place) == message.about
    assert write_place(FindingPlace("t", "", "compta-01", "path_not_saved", "/a\\x00\\ud800é")) == message.about


def test_a_channel_without_messages_does_not_fail() -> None:
    assert list(judge_channels([], [], ["ops"], NOON)) == []
