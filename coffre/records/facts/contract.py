"""Facts that the contract is about: delivery, what was sold, suspension, quota, holds, disclosures."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Annotated

from coffre.records.details import OPTIONAL, Stored
from coffre.records.facts.fact import Fact
from coffre.spec.tenant import HoldKind


class FillReason(StrEnum):
    """What a machine has too much of. The values are in the database for ever."""

    BYTES = "bytes"
    OBJECTS = "objects"


class DisclosureState(StrEnum):
    """How far a disclosure is. The values are in the database for ever."""

    BEGUN = "begun"
    COMPLETE = "complete"


@dataclass(frozen=True)
class Commissioned(Fact):
    """The service was delivered: the storage is up, and each of these machines has its agent."""

    machines: tuple[str, ...] = ()


@dataclass(frozen=True)
class QuotaChange(Fact):
    """The quota that was sold, and the amendments that the tenant file names."""

    quota_bytes: int
    amendments: tuple[str, ...] = ()


@dataclass(frozen=True)
class LicenceChange(Fact):
    """How many licences of each kind of machine were sold; a kind is named as the tenant file had it then."""

    licences: Mapping[str, int]
    amendments: tuple[str, ...] = ()


@dataclass(frozen=True)
class OptionChange(Fact):
    """The options that were sold, as the tenant file named them then."""

    options: tuple[str, ...]
    amendments: tuple[str, ...] = ()


@dataclass(frozen=True)
class SuspensionChange(Fact):
    """The service was suspended, or is no more."""

    is_suspended: Annotated[bool, Stored("suspended")]
    amendments: tuple[str, ...] = ()


@dataclass(frozen=True)
class HoldInFile:
    """A hold as the tenant file has it."""

    reference: str
    since: date
    kind: HoldKind


@dataclass(frozen=True)
class HoldChange(Fact):
    """The hold of the tenant file; None when it has none any more."""

    hold: HoldInFile | None
    amendments: tuple[str, ...] = ()


@dataclass(frozen=True)
class HoldPlaced(Fact):
    """A confidential hold was placed."""

    reference: str
    since: date
    hold_kind: HoldKind


@dataclass(frozen=True)
class HoldLifted(Fact):
    """A confidential hold was lifted."""

    reference: str
    reason: str


@dataclass(frozen=True)
class Disclosed(Fact):
    """Data is handed to an authority. Each of ``machines`` is the evidence of one machine that was handed over."""

    reference: str
    state: DisclosureState
    format: Annotated[str | None, OPTIONAL] = None
    sealed_in: Annotated[str | None, OPTIONAL] = None
    statement_sha256: Annotated[str | None, OPTIONAL] = None
    machines: Annotated[tuple[Mapping[str, object], ...] | None, OPTIONAL] = None


@dataclass(frozen=True)
class OutOfHoursApply(Fact):
    """An apply started outside working hours, and why these hours are outside."""

    reason: str


@dataclass(frozen=True)
class GateChange(Fact):
    """A machine's gate was opened or closed; ``filling`` is there when the machine itself fills the storage."""

    is_closed: Annotated[bool, Stored("closed")]
    used_bytes: int
    quota_bytes: int
    stored_bytes: int | None = None
    filling: Annotated[FillReason | None, OPTIONAL] = None


@dataclass(frozen=True)
class GateWord(Fact):
    """An operator let a machine that fills the storage go on; what it had then."""

    reason: str
    surplus_bytes: int
    object_count: Annotated[int, Stored("objects")]
