"""The register of advice: numbered, told with its means, ended once."""

from datetime import UTC, date, datetime

import pytest

from coffre.errors import RefusedError, UsageError
from coffre.records.facts.advice import AdviceMeans, AdviceOutcome
from coffre.tenant.advice import Advice, end_advice, give_advice, list_advice
from tests.doubles.log import InMemoryLog

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
DUE = date(2027, 1, 31)


@pytest.fixture
def log() -> InMemoryLog:
    return InMemoryLog(clock=lambda: NOON)


def test_each_advice_has_a_number_and_its_own_end(log: InMemoryLog) -> None:
    assert give_advice(log, "Back up  the new\nserver", AdviceMeans.MAIL, DUE, "srv-1") == 1
    assert give_advice(log, "Order more space", AdviceMeans.PHONE, None, None) == 2
    end_advice(log, 1, AdviceOutcome.DECLINED, "she writes so")
    first, second = list_advice(log)
    assert (first.text, first.machine, first.due_on, first.outcome, first.reason, first.ended_at) == (
        "Back up the new server",
        "srv-1",
        DUE,
        AdviceOutcome.DECLINED,
        "she writes so",
        NOON,
    )
    assert (second.number, second.means, second.outcome, second.ended_at) == (2, AdviceMeans.PHONE, None, None)


def test_one_that_has_ended_or_never_was_cannot_end(log: InMemoryLog) -> None:
    with pytest.raises(RefusedError, match="has no advice 1"):
        end_advice(log, 1, AdviceOutcome.FOLLOWED, "done")
    give_advice(log, "Order more space", AdviceMeans.PHONE, None, None)
    end_advice(log, 1, AdviceOutcome.FOLLOWED, "done")
    with pytest.raises(RefusedError, match="has ended: followed"):
        end_advice(log, 1, AdviceOutcome.DECLINED, "no")


@pytest.mark.parametrize("text", ["", " \n ", "x" * 2001])
def test_a_text_without_words_or_a_whole_letter_is_refused(log: InMemoryLog, text: str) -> None:
    with pytest.raises(UsageError, match="1 to 2000 characters"):
        give_advice(log, text, AdviceMeans.MAIL, None, None)


def test_it_is_overdue_after_its_day_while_it_is_open() -> None:
    one = Advice(1, "Order more space", AdviceMeans.MAIL, NOON, "a", None, DUE)
    assert not one.is_overdue(DUE)
    assert one.is_overdue(date(2027, 2, 1))
    assert not Advice(1, "Order more space", AdviceMeans.MAIL, NOON, "a", None, DUE, AdviceOutcome.FOLLOWED).is_overdue(
        date(2027, 2, 1)
    )
