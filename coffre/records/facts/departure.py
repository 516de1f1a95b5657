"""Facts of a departure: its stages, its steps with their evidence, its letters, and the deletion of records."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Annotated

from coffre.records.details import OPTIONAL, REST, Stored
from coffre.records.facts.fact import Fact
from coffre.records.facts.mail import MailState


class Stage(StrEnum):
    """The stage of a departure. The database keeps the values for ever: never rename one."""

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


ERASURE_BEGAN = "erasure_began"
"""The step that a journal records for each bucket before its erasure: from there on it is irreversible."""


class LetterKind(StrEnum):
    """The kind of a letter. The database keeps the values for ever."""

    NOTICE_RECEIVED = "notice_received"
    DATA_READY = "data_ready"
    VENDOR_RESTORE = "vendor_restore"
    REMINDER = "reminder"
    UNREACHED = "unreached"
    ERASED = "erased"
    RENOUNCED = "renounced"


class Attested(StrEnum):
    """The content of a customer's attestation (contract, article 14)."""

    DATA_RECOVERED = "data_recovered"
    SOFTWARE_ERASED = "software_erased"
    ADMINISTRATORS_TOLD = "administrators_told"


class AuthorProof(StrEnum):
    """How the author of a journal entry is known. The database keeps the values for ever."""

    DECLARED = "declared"
    PROVED = "proved"


@dataclass(frozen=True)
class JournalEntry(Fact):
    """The common part of each entry of a departure's journal.

    ``on`` is the procedure's day. ``retired_machine`` is set when the departure is only about that machine. ``by`` is
    the nonce of the entry's signed statement.
    """

    on: date | None = None
    retired_machine: Annotated[str | None, OPTIONAL] = None
    identity: Annotated[AuthorProof | None, OPTIONAL] = None
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
    """The state of a letter; ``sha256`` is the hash of its file."""

    letter: LetterKind
    file: str
    sha256: str
    state: MailState
    on: date
    to: Annotated[str | None, OPTIONAL] = None
    message_id: Annotated[str | None, OPTIONAL] = None


@dataclass(frozen=True)
class TrimmedCount:
    """The number of deleted events of a kind."""

    kind: str
    count: int


@dataclass(frozen=True)
class RecordsBegun(Fact):
    """The records begin anew, because the earlier ones were lost: what was recorded before is not known."""

    reason: str


@dataclass(frozen=True)
class RecordsTrimmed(Fact):
    """Records of a departed tenant were deleted; ``accounts_for_links``: the chain existed at that time."""

    on: date | None = None
    trimmed: tuple[TrimmedCount, ...] = ()
    accounts_for_links: Annotated[bool, Stored("links")] = False
