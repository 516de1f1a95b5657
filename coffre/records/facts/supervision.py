"""Facts about the findings of supervision: opened, closed, and what a person said about one."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from coffre.records.details import OPTIONAL
from coffre.records.facts.fact import Fact, RecordedFinding


@dataclass(frozen=True)
class FindingOpened(Fact):
    """A finding was seen for the first time; ``detail`` tells it apart from others of its kind on the machine.

    ``platform`` is set for a finding about a platform, which belongs to no tenant.
    """

    finding: RecordedFinding
    detail: Annotated[str, OPTIONAL] = ""
    platform: Annotated[str, OPTIONAL] = ""


@dataclass(frozen=True)
class FindingClosed(Fact):
    """A finding is gone, as a look has seen; it was open since ``since``."""

    finding_kind: str
    since: datetime
    detail: Annotated[str, OPTIONAL] = ""
    platform: Annotated[str, OPTIONAL] = ""


class Word(StrEnum):
    """What a person says about a finding. The database keeps the values for ever."""

    ACKNOWLEDGED = "acknowledged"
    SILENCED = "silenced"
    TICKET = "ticket"


@dataclass(frozen=True)
class FindingWord(Fact):
    """A person acknowledged a finding, silenced it until a time, or gave it the number of a ticket."""

    finding_id: int
    finding_kind: str
    word: Word
    reason: Annotated[str, OPTIONAL] = ""
    until: Annotated[datetime | None, OPTIONAL] = None
    ticket: Annotated[str | None, OPTIONAL] = None
