"""Confidential holds count like the file's, and the strictest of all counts."""

from datetime import UTC, date, datetime

import pytest

from coffre.records.facts.contract import HoldLifted, HoldPlaced
from coffre.spec.tenant import Hold, HoldKind
from coffre.tenant.estate.log import F, Recorded
from coffre.tenant.holds import SHOWN_REFERENCE, RecordedHold, combine, list_standing

NOON = datetime(2027, 1, 1, 12, tzinfo=UTC)
IN_FILE = Hold(reference="TJ 1/27", since=date(2027, 1, 5), kind=HoldKind.PRESERVE)


def recorded(fact: F) -> Recorded[F]:
    return Recorded(1, "k7", NOON, "anna@smileo.example", None, None, fact)


def placed(reference: str) -> Recorded[HoldPlaced]:
    return recorded(HoldPlaced(reference, date(2027, 1, 2), HoldKind.PRESERVE))


def test_a_hold_stands_until_that_one_is_lifted() -> None:
    lifted = recorded(HoldLifted("A", "letter"))
    assert [hold.reference for hold in list_standing([placed("A"), placed("B"), lifted])] == ["B"]
    assert [hold.reference for hold in list_standing([placed("A"), lifted, placed("A")])] == ["A"]
    assert list_standing([]) == []


def test_without_a_confidential_hold_the_file_s_word_stands() -> None:
    assert combine(IN_FILE, []) == IN_FILE
    assert combine(None, []) is None


@pytest.mark.parametrize("in_file", [None, IN_FILE])
def test_the_strictest_and_earliest_counts_and_the_reference_is_not_told(in_file: Hold | None) -> None:
    recorded = [
        RecordedHold("TOP SECRET", date(2027, 1, 2), HoldKind.BLOCK_ACCESS, "anna"),
        RecordedHold("OTHER", date(2027, 1, 9), HoldKind.PRESERVE, "anna"),
    ]
    hold = combine(in_file, recorded)
    assert hold is not None
    assert hold.kind is HoldKind.BLOCK_ACCESS
    assert hold.since == date(2027, 1, 2)
    assert SHOWN_REFERENCE in hold.reference
    assert "SECRET" not in hold.reference
