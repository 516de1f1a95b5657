"""Facts of a departure: its stages, its steps with their evidence, its letters, and the trimming at its end."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Annotated

from coffre.records.details import OPTIONAL, REST, Stored
from coffre.records.facts.fact import Fact
from coffre.records.facts.mail import MailState


class Stage(StrEnum):
    """Where a departure stands. The values are in the database for ever: never rename one."""

    NOTIFIED = "notified"
    SERVING = "serving"
    FROZEN = "frozen"
    RETURNED = "returned"
    ACKNOWLEDGED = "acknowledged"
    DISMANTLED = "dismantled"
    ERASED = "erased"
    VERIFIED = "verified"
    CLOSED = "closed"
    RENOUNCED = "renounced"


class LetterKind(StrEnum):
    """What a letter is about. The values are in the database for ever."""

    NOTICE_RECEIVED = "notice_received"
    DATA_READY = "data_ready"
    REMINDER = "reminder"
    UNREACHED = "unreached"
    ERASED = "erased"
    RENOUNCED = "renounced"


class Identity(StrEnum):
    """How it is known who wrote an entry of the journal. The values are in the database for ever."""

    DECLARED = "declared"
    PROVED = "proved"


@dataclass(frozen=True)
class JournalEntry(Fact):
    """What each entry of a departure's journal says.

    ``on`` is the procedure's day. ``retired_machine`` is there when the departure is that machine's alone. ``by`` is
    the nonce of the signed statement that the entry belongs to.
    """

    on: date | None = None
    retired_machine: Annotated[str | None, OPTIONAL] = None
    identity: Annotated[Identity | None, OPTIONAL] = None
    by: Annotated[str | None, OPTIONAL] = None


@dataclass(frozen=True)
class DepartureStage(JournalEntry):
    """A departure reached a stage."""

    stage: Stage = field(kw_only=True)


@dataclass(frozen=True)
class DepartureStep(JournalEntry):
    """A step of a departure left evidence, which the class of that step reads (`offboarding.lifecycle.evidence`)."""

    step: str = field(kw_only=True)
    evidence: Annotated[Mapping[str, object], REST] = field(default_factory=dict)


@dataclass(frozen=True)
class LetterPosted(Fact):
    """How far a letter went; ``sha256`` is of its file."""

    letter: LetterKind
    file: str
    sha256: str
    state: MailState
    on: date
    to: Annotated[str | None, OPTIONAL] = None
    message_id: Annotated[str | None, OPTIONAL] = None


@dataclass(frozen=True)
class TrimmedCount:
    """How many events of a kind were deleted."""

    kind: str
    count: int


@dataclass(frozen=True)
class RecordsTrimmed(Fact):
    """Records of a tenant that has left were deleted; ``accounts_for_links``: there was a chain by then."""

    on: date | None = None
    trimmed: tuple[TrimmedCount, ...] = ()
    accounts_for_links: Annotated[bool, Stored("links")] = False
