"""Facts about supervision: findings opened and closed, what a person said about one, pauses, frozen retentions."""

from collections.abc import Sequence
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


@dataclass(frozen=True)
class PauseWord(Fact):
    """What a person said about a pause."""


@dataclass(frozen=True)
class PauseDeclared(PauseWord):
    """A person said that nobody expects a backup of a machine, or of the whole tenant, until a time (excluded)."""

    until: datetime
    reason: str


@dataclass(frozen=True)
class PauseEnded(PauseWord):
    """A person ended a pause before its time."""

    reason: str


@dataclass(frozen=True)
class Pause:
    """A time in which nobody expects a backup: from its begin to its end, excluded."""

    begins_at: datetime
    ends_at: datetime


def read_pauses(told: Sequence[tuple[datetime, PauseWord]]) -> tuple[Pause, ...]:
    """Return the pauses that words about one machine, or about the whole tenant, make in their order. Pure.

    A later word about a pause replaces what is left of the one before.
    """
    found: list[Pause] = []
    for at, word in told:
        if found and found[-1].ends_at > at:
            found[-1] = Pause(found[-1].begins_at, at)
        if isinstance(word, PauseDeclared):
            found.append(Pause(at, word.until))
    return tuple(each for each in found if each.ends_at > each.begins_at)


@dataclass(frozen=True)
class RetentionWord(Fact):
    """Whether the retention of a machine's backups is frozen: then nobody and nothing removes any of them."""


@dataclass(frozen=True)
class RetentionFrozen(RetentionWord):
    """A machine's retention froze: for the signs of an attack that supervision saw, or for a person's ``reason``.

    The last good snapshot is the newest one from before the first sign, with the time at which it was in storage.
    """

    signs: Annotated[tuple[RecordedFinding, ...], OPTIONAL] = ()
    reason: Annotated[str, OPTIONAL] = ""
    last_good_snapshot_id: Annotated[str | None, OPTIONAL] = None
    last_good_at: Annotated[datetime | None, OPTIONAL] = None


@dataclass(frozen=True)
class RetentionReleased(RetentionWord):
    """A person released a frozen retention: what was seen until then is no reason to freeze it again."""

    reason: str
