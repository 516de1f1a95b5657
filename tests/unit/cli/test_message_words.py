"""What a channel is told: short, one line each, and nothing that a machine named looks like a link or a mention."""

from datetime import UTC, datetime

import pytest

from coffre.cli.words.supervision.messages import OUTCOMES, describe_message, write_note
from coffre.correspondence.channels import TEXT_LENGTH
from coffre.findings import Finding, FindingKind
from coffre.records.messages import Message, Outcome
from coffre.spec.platform import Takes
from coffre.supervision.findings.life import Subject, settle
from coffre.supervision.telling.planning import Addressees, plan_messages
from coffre.supervision.telling.rules import Batch
from tests.unit.hostile.texts import PLAIN, STEERING

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def about(*findings: Finding) -> list[Message]:
    settled = settle(Subject("t", "martin"), [], findings, lambda _: True, NOON)
    return plan_messages(settled, None, Addressees({"ops": Takes.ALL}), NOON)


def test_one_finding_is_said_with_its_time_and_whose_it_is() -> None:
    [message] = about(Finding(FindingKind.QUOTA_REACHED, None, {"used_bytes": 5, "quota_bytes": 5}))
    note = write_note(Batch((message,)))
    assert note.title == "Coffre: martin: quota reached"
    assert "Since 2026-11-23 12:00 UTC; attributable to: customer" in note.text
    assert note.text.endswith("More: coffre why martin")


def test_many_are_counted_and_fit_one_message() -> None:
    evidence = {"due_at": "x" * 300, "last_success_at": None}
    missed = [Finding(FindingKind.BACKUP_MISSED, f"pc-{number}", evidence) for number in range(99)]
    note = write_note(Batch(tuple(about(*missed)), is_digest=True))
    assert note.title == "Coffre: 99 findings new, 0 ended"
    assert len(note.text) <= TEXT_LENGTH
    lines = note.text.splitlines()
    assert lines[-2] == f"… and {99 - (len(lines) - 2)} more"


@pytest.mark.parametrize("name", [*STEERING.values(), *PLAIN.values(), "<!channel> <@U1> [a](https://evil.example)"])
def test_what_a_machine_names_is_text(name: str) -> None:
    key = Finding(FindingKind.FOREIGN_KEYS, "compta-01", {"key": name, "count": 1})
    [message] = about(key)
    text = write_note(Batch((message,))).text
    assert len(text.splitlines()) == 3
    assert not set("<>[]@\x1b\0\u202e") & set(text)
    assert "\n" not in describe_message(message)


def test_every_outcome_has_its_words() -> None:
    assert set(OUTCOMES) == set(Outcome)
