"""Facts about advice: what SMILÉO advised a customer, and what became of it (contract, article 9a)."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Annotated

from coffre.records.details import OPTIONAL
from coffre.records.facts.fact import Fact


class AdviceMeans(StrEnum):
    """How an advice was given. The database keeps the values for ever."""

    MAIL = "mail"
    LETTER = "letter"
    PHONE = "phone"
    MEETING = "meeting"


class AdviceOutcome(StrEnum):
    """What became of an advice. The database keeps the values for ever."""

    FOLLOWED = "followed"
    DECLINED = "declined"
    """The customer does not follow it: what comes of that is not SMILÉO's."""
    WITHDRAWN = "withdrawn"
    """SMILÉO does not advise it any more."""


class AdviceFact(Fact):
    """A fact about one advice."""


@dataclass(frozen=True)
class AdviceGiven(AdviceFact):
    """SMILÉO advised something, to be done until ``due_on``; ``number`` counts the advice of one tenant from 1."""

    number: int
    text: str
    means: AdviceMeans
    due_on: Annotated[date | None, OPTIONAL] = None


@dataclass(frozen=True)
class AdviceEnded(AdviceFact):
    """An advice was followed, declined by the customer, or withdrawn."""

    number: int
    outcome: AdviceOutcome
    reason: str
