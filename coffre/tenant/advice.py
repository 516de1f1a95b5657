"""The register of what SMILÉO advised a customer, and what became of it (contract, article 9a: liability)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING

from coffre.errors import RefusedError, UsageError
from coffre.records.facts.advice import AdviceEnded, AdviceFact, AdviceGiven, AdviceMeans, AdviceOutcome
from coffre.records.facts.registry import kind_of
from coffre.tenant.estate.log import Log, RecordedFact, read_recorded

if TYPE_CHECKING:
    from coffre.records.database.store import Records  # which imports a heavy library

_FACTS: tuple[type[AdviceFact], ...] = (AdviceGiven, AdviceEnded)
_LONGEST_TEXT = 2000
"""Characters; a longer text belongs into the letter that it names."""


@dataclass(frozen=True)
class Advice:
    """One advice, about a machine or about everything (None); without ``outcome`` it is open."""

    number: int
    text: str
    means: AdviceMeans
    given_at: datetime
    given_by: str
    machine: str | None
    due_on: date | None
    outcome: AdviceOutcome | None = None
    ended_at: datetime | None = None
    reason: str = ""

    def is_overdue(self, today: date) -> bool:
        """Tell whether it is open and its day has passed."""
        return self.outcome is None and self.due_on is not None and self.due_on < today


def read_advice(recorded: Sequence[RecordedFact[AdviceFact]]) -> list[Advice]:
    """Return the advice that facts tell of, in the order of their numbers. Pure."""
    found: dict[int, Advice] = {}
    for each in recorded:
        fact = each.fact
        if isinstance(fact, AdviceGiven):
            found[fact.number] = Advice(
                fact.number, fact.text, fact.means, each.at, each.actor, each.machine, fact.due_on
            )
        elif isinstance(fact, AdviceEnded) and fact.number in found:
            found[fact.number] = replace(found[fact.number], outcome=fact.outcome, ended_at=each.at, reason=fact.reason)
    return [found[number] for number in sorted(found)]


def list_advice(log: Log) -> list[Advice]:
    """Return everything that SMILÉO advised a customer."""
    return read_advice(log.list(_FACTS))


def list_advice_of(records: "Records", tenant_id: str) -> list[Advice]:
    """Return everything that SMILÉO advised a customer, from open records."""
    events = records.select_events(tenant_id, [kind_of(each) for each in _FACTS])
    return read_advice([read_recorded(event, _FACTS) for event in events])


def give_advice(log: Log, text: str, means: AdviceMeans, due_on: date | None, machine: str | None) -> int:
    """Record an advice and return its number; the caller has the tenant's lock. UsageError for a text without words."""
    words = " ".join(text.split())
    if not words or len(words) > _LONGEST_TEXT:
        raise UsageError(f"an advice has 1 to {_LONGEST_TEXT} characters", "Say in a few sentences what to do.")
    number = max((each.number for each in list_advice(log)), default=0) + 1
    log.append(AdviceGiven(number, words, means, due_on), machine)
    return number


def end_advice(log: Log, number: int, outcome: AdviceOutcome, reason: str) -> None:
    """Record what became of an advice; RefusedError when there is none of that number, or it has ended."""
    known = next((each for each in list_advice(log) if each.number == number), None)
    if known is None:
        raise RefusedError(f"{log.slug} has no advice {number}", f"`coffre advise {log.slug}` lists them.")
    if known.outcome is not None:
        raise RefusedError(
            f"advice {number} of {log.slug} has ended: {known.outcome.value}", "Record a new advice, if there is one."
        )
    log.append(AdviceEnded(number, outcome, reason), known.machine)
