"""The outbox, in both kinds of database: each message once, its end to those who heard of the begin, its proof."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from coffre.errors import RefusedError
from coffre.records.database.store import Records
from coffre.records.database.supervision import Noted
from coffre.records.events import Event, EventKind
from coffre.records.messages import Audience, Ended, Message, MessageKind, Outcome, Proof, Told

if TYPE_CHECKING:
    from conftest import Database

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=5)
MORNING = datetime(2026, 11, 24, 7, tzinfo=UTC)
MARTIN, OTHER = "k7f3q9wz2m", "m4ple9x2ya"
PROOF = Proof("claire@martin.example", "<0f0f@smileo.example>", "250 taken", "ab" * 32)
OVER = Ended("[1]", "x", LATER, MORNING)


def message(**changes: Any) -> Message:
    content = {"é\0": "\ud800"}
    first = Message(
        Audience.CHANNEL, "ops", MARTIN, "martin", MessageKind.FINDING, "[1]", "x", Told.BEGIN, content, NOON, NOON
    )
    return replace(first, **changes)


@pytest.fixture
def records(database: "Database") -> Iterator[Records]:
    with Records.open(database.reference, database.root) as opened:
        yield opened


def add(records: Records, *messages: Message) -> list[int]:
    records.messages.add(messages)
    return [each.id or 0 for each in records.messages.list_newest(len(messages))]


def told(records: Records) -> list[tuple[str, str, str | None]]:
    return [
        (each.recipient, each.told.value, None if each.outcome is None else each.outcome.value)
        for each in records.messages.list_newest(50)
    ]


def test_records_of_the_version_before_get_the_outbox_and_lose_nothing(database: "Database") -> None:
    text = (Path(__file__).parents[2] / "cases" / "records" / f"version-0008.{database.kind}.sql").read_text("utf-8")
    if database.kind == "postgresql":
        with psycopg.connect(database.url, autocommit=True) as connection:
            connection.execute(text)
    else:
        file = database.root / ".coffre" / "records.db"
        file.parent.mkdir()
        before = sqlite3.connect(file)
        before.executescript(text)
        before.close()
    with Records.open(database.reference, database.root) as records:
        assert records.verify().faults == ()
        assert len(records.list_newest(None, 10)) == 1
        assert add(records, message()) == [1]


def test_a_message_is_there_once_and_its_values_come_back(records: Records) -> None:
    first, other = message(), message(recipient="night", is_digest=True, not_before=MORNING)
    assert records.messages.add([first, other]) == 2
    assert records.messages.add([message(created_at=LATER)]) == 0
    kept, night = records.messages.list_waiting()
    assert kept == replace(first, id=kept.id, content={"é\\x00": "\\ud800"})
    assert (night.is_digest, night.not_before) == (True, MORNING)


def test_the_end_is_told_to_those_who_heard_of_the_begin_or_may_have(records: Records) -> None:
    names = ("heard", "gathered", "refused", "waiting", "unknown", "gone")
    heard, gathered, refused, _, unknown, gone = add(records, *(message(recipient=name) for name in names))
    store = records.messages
    store.begin_attempt([heard, gathered, refused, unknown], NOON, LATER)
    store.settle([heard], Outcome.SENT, NOON)
    store.settle([gathered], Outcome.GATHERED, NOON)
    store.settle([gone], Outcome.NO_RECIPIENT, NOON)
    store.fail([refused], "HTTP 503", LATER)
    records.supervision.note([Noted(MARTIN, LATER, ended=[OVER])])
    ends = [each for each in records.messages.list_waiting() if each.told is Told.END]
    assert {each.recipient for each in ends} == {"heard", "gathered", "unknown"}
    assert {(each.attempts, each.error, each.not_before) for each in ends} == {(0, None, LATER)}
    assert {each.token for each in ends} & {each.token for each in store.list_newest(6)} == {
        each.token for each in ends
    }
    assert [each for each in told(records) if each[1] == "begin" and each[2] == "over"] == [
        ("refused", "begin", "over"),
        ("waiting", "begin", "over"),
        ("unknown", "begin", "over"),
    ]
    records.supervision.note([Noted(MARTIN, LATER, ended=[OVER])])
    assert len(told(records)) == 9, "may run twice"


def test_a_customer_whose_service_has_ended_hears_no_end(records: Records) -> None:
    ids = add(records, message(), message(audience=Audience.CUSTOMER, recipient=""))
    records.messages.settle(ids, Outcome.SENT, NOON)
    records.supervision.note([Noted(MARTIN, LATER, ended=[replace(OVER, is_for_customer=False)])])
    assert [each.audience for each in records.messages.list_waiting()] == [Audience.CHANNEL]


def test_what_waited_for_the_digest_ends_in_the_digest(records: Records) -> None:
    [number] = add(records, message(is_digest=True, not_before=MORNING))
    records.messages.settle([number], Outcome.SENT, NOON)
    records.supervision.note([Noted(MARTIN, LATER, ended=[OVER])])
    [end] = records.messages.list_waiting()
    assert (end.is_digest, end.not_before, end.content["ended_at"]) == (True, MORNING, LATER.isoformat())


def test_proof_row_and_event_are_written_at_once_or_not_at_all(records: Records) -> None:
    [number] = add(records, message(audience=Audience.CUSTOMER, recipient=""))
    event = Event(MARTIN, "martin", EventKind.MESSAGE_SENT, NOON, "claire", details={"password": "x"})
    with pytest.raises(RefusedError):
        records.messages.settle([number], Outcome.SENT, NOON, proof=PROOF, document="x", events=[event])
    assert len(records.messages.list_waiting()) == 1
    sound = replace(event, details={"message": number})
    records.messages.settle([number], Outcome.SENT, NOON, proof=PROOF, document="à\r\n", events=[sound])
    kept = records.messages.find(number)
    assert kept is not None
    assert (kept.proof, kept.document, kept.outcome_at) == (PROOF, "à\r\n", NOON)
    assert records.verify().faults == ()


def test_one_that_was_told_waits_anew_when_its_silence_is_over(records: Records) -> None:
    again = message(told=Told.AGAIN)
    records.messages.renew([again], NOON)
    [number] = [each.id or 0 for each in records.messages.list_waiting()]
    records.messages.begin_attempt([number], NOON, LATER)
    records.messages.settle([number], Outcome.SENT, LATER)
    records.messages.renew([again], NOON)
    assert records.messages.list_waiting() == [], "it was told since"
    records.messages.renew([replace(again, token="ff")], LATER + timedelta(days=1))
    [anew] = records.messages.list_waiting()
    assert (anew.id, anew.attempts, anew.token) == (number, 0, "ff")


def test_old_messages_to_channels_go_and_a_tenant_takes_its_own_along(records: Records) -> None:
    ids = add(records, message(), message(audience=Audience.CUSTOMER, recipient=""), message(tenant_id=OTHER))
    records.messages.settle(ids[:2], Outcome.SENT, NOON, proof=PROOF, document="x")
    records.messages.delete_old(NOON, set())
    assert len(told(records)) == 3
    records.messages.delete_old(LATER, {(message().about, message().occurrence)})
    assert len(told(records)) == 3, "it is open: a new channel would be told of it, this one was"
    records.messages.delete_old(LATER, set())
    assert [each.audience for each in records.messages.list_newest(9)] == [Audience.CUSTOMER, Audience.CHANNEL]
    records.append(Event(MARTIN, "martin", EventKind.DRILL, NOON, "claire", details={"seed": 1, "snapshot": "ab"}))
    trimmed = Event(MARTIN, "martin", EventKind.RECORDS_TRIMMED, NOON, "claire", details={"on": "2026-11-23"})
    records.trim(trimmed, {EventKind.DRILL})
    assert [each.tenant_id for each in records.messages.list_newest(9)] == [OTHER]


def test_the_newest_result_of_each_channel_and_customer_is_found(records: Records) -> None:
    customer = {"audience": Audience.CUSTOMER, "recipient": ""}
    ids = add(
        records, message(), message(about="[2]"), message(**customer), message(tenant_id=OTHER, **customer),
        message(recipient="night"),
    )  # fmt: skip
    records.messages.settle(ids[:1], Outcome.GIVEN_UP, NOON)
    records.messages.settle(ids[1:4], Outcome.SENT, LATER)
    assert [each.id for each in records.messages.find_last_results()] == ids[1:4]
    assert {each.id for each in records.messages.list_begins(LATER)} == set(ids[1:4])
