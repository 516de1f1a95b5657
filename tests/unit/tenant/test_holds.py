"""Confidential holds count like the file's, and the strictest of all counts."""

from datetime import UTC, date, datetime

import pytest

from coffre.errors import RefusedError
from coffre.records.facts.contract import HoldInFile, HoldLifted, HoldPlaced
from coffre.spec.tenant import Hold, HoldKind
from coffre.tenant.access import refuse_while_blocked
from coffre.tenant.estate.log import F, RecordedFact
from coffre.tenant.holds import RecordedHold, combine, list_standing, name_reference, to_fact, under_recorded
from tests.builders import tenant_with

NOON = datetime(2027, 1, 1, 12, tzinfo=UTC)
IN_FILE = Hold(reference="TJ 1/27", since=date(2027, 1, 5), kind=HoldKind.PRESERVE)


def recorded(fact: F) -> RecordedFact[F]:
    return RecordedFact(1, "k7", NOON, "anna@smileo.example", None, None, fact)


def placed(reference: str) -> RecordedFact[HoldPlaced]:
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
    assert hold.is_confidential
    assert hold.reference == ("" if in_file is None else "TJ 1/27")
    assert "SECRET" not in repr(hold)


def test_the_hold_of_a_file_is_not_confidential() -> None:
    assert not IN_FILE.is_confidential
    assert to_fact(IN_FILE) == HoldInFile("TJ 1/27", date(2027, 1, 5), HoldKind.PRESERVE)
    recorded = [RecordedHold("TOP SECRET", date(2027, 1, 2), HoldKind.BLOCK_ACCESS, "anna")]
    alone, both = combine(None, recorded), combine(IN_FILE, recorded)
    assert alone is not None
    assert both is not None
    assert to_fact(alone) == HoldInFile(None, date(2027, 1, 2), HoldKind.BLOCK_ACCESS, is_confidential=True)
    assert to_fact(both) == HoldInFile("TJ 1/27", date(2027, 1, 2), HoldKind.BLOCK_ACCESS, is_confidential=True)


@pytest.mark.parametrize(
    ("reference", "is_confidential", "words"),
    [
        ("TJ 1/27", False, "TJ 1/27"),
        ("TJ 1/27", True, "TJ 1/27; another is confidential, see `coffre hold list`"),
        (None, True, "confidential, see `coffre hold list`"),
        ("", True, "confidential, see `coffre hold list`"),
    ],
)
def test_a_message_names_the_file_s_reference_alone(reference: str | None, is_confidential: bool, words: str) -> None:
    assert name_reference(reference, is_confidential=is_confidential) == words


def test_a_block_names_no_confidential_reference() -> None:
    recorded = [RecordedHold("TOP SECRET", date(2027, 1, 2), HoldKind.BLOCK_ACCESS, "anna")]
    with pytest.raises(RefusedError) as refused:
        refuse_while_blocked(under_recorded(tenant_with(), recorded))
    assert "(confidential, see `coffre hold list`, since 2027-01-02)" in refused.value.message
