"""Facts about the contract: delivery, sold quota and licences, suspension, gates, holds, disclosures."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Annotated, Any

from coffre.records.details import OPTIONAL, Stored
from coffre.records.facts.fact import Fact
from coffre.spec.tenant import HoldKind


class FillReason(StrEnum):
    """The resource that a machine uses too much. The database keeps the values for ever."""

    BYTES = "bytes"
    OBJECTS = "objects"


class DisclosureState(StrEnum):
    """The progress of a disclosure. The database keeps the values for ever."""

    BEGUN = "begun"
    COMPLETE = "complete"


@dataclass(frozen=True)
class Commissioned(Fact):
    """The service was delivered: the storage works, and each of these machines has its agent."""

    machines: tuple[str, ...] = ()


@dataclass(frozen=True)
class QuotaChange(Fact):
    """The sold quota, and the amendments of the tenant file."""

    quota_bytes: int
    amendments: tuple[str, ...] = ()


@dataclass(frozen=True)
class LicenceChange(Fact):
    """The number of sold licences for each kind of machine, with the kind's name in the tenant file of that time."""

    licences: Mapping[str, int]
    amendments: tuple[str, ...] = ()


@dataclass(frozen=True)
class OptionChange(Fact):
    """The sold options, with their names in the tenant file of that time."""

    options: tuple[str, ...]
    amendments: tuple[str, ...] = ()


@dataclass(frozen=True)
class SuspensionChange(Fact):
    """The service was suspended, or resumed."""

    is_suspended: Annotated[bool, Stored("suspended")]
    amendments: tuple[str, ...] = ()


@dataclass(frozen=True)
class SecondCopyChange(Fact):
    """The platform of the second copy changed; None when there is no longer a copy."""

    platform: str | None
    amendments: tuple[str, ...] = ()


@dataclass(frozen=True)
class HoldInFile:
    """The hold on a tenant: the file's, under its ``reference``, with the confidential ones, which are not named."""

    reference: str | None
    since: date
    kind: HoldKind
    is_confidential: Annotated[bool, Stored("confidential", is_optional=True)] = False


@dataclass(frozen=True)
class HoldChange(Fact):
    """The hold on a tenant changed; None when there is no longer one."""

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
    """Data is handed to an authority. Each of ``machines`` is the evidence of one machine's data."""

    reference: str
    state: DisclosureState
    format: Annotated[str | None, OPTIONAL] = None
    sealed_in: Annotated[str | None, OPTIONAL] = None
    statement_sha256: Annotated[str | None, OPTIONAL] = None
    machines: Annotated[tuple[Mapping[str, object], ...] | None, OPTIONAL] = None


@dataclass(frozen=True)
class OutOfHoursApply(Fact):
    """An apply started outside working hours, with the reason."""

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
    """An operator released a machine that fills the storage; with its usage at that time."""

    reason: str
    surplus_bytes: int
    object_count: Annotated[int, Stored("objects")]


def upgrade_hold(details: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the details of a hold in today's form: earlier versions named confidential holds by a sentence. Pure."""
    reference = details["reference"]
    if reference == _CONFIDENTIAL:
        return {**details, "reference": None, "confidential": True}
    if isinstance(reference, str) and reference.endswith(_ANOTHER):
        return {**details, "reference": reference.removesuffix(_ANOTHER), "confidential": True}
    return details


_CONFIDENTIAL = "confidential, see `coffre hold list`"
_ANOTHER = f"; another is {_CONFIDENTIAL}"
