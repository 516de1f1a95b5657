"""The notes of a plan on a tenant's state that needs no change: one type per note, distinguished by its kind."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from coffre.observation.retired import RetiredStatus
from coffre.records.facts.contract import HoldInFile
from coffre.spec.machine import MachineKind


class NoteKind(StrEnum):
    """The content of a note. Plan files store these values."""

    HOLD = "hold"
    LEAVING = "leaving"
    SUSPENDED = "suspended"
    RETIRED = "retired"
    RETIRED_AHEAD = "retired_ahead"
    AGENT_STANDS = "agent_stands"
    FORMER_AGENT = "former_agent"
    """The machine moves to another agent, and keeps the one before until that one has a good backup."""
    RETENTION_FROZEN = "retention_frozen"
    """For the signs of an attack: nothing of the machine expires until a person releases it."""
    LICENCE = "licence"
    REPOSITORY_GONE = "repository_gone"
    BUCKETS_UNREAD = "buckets_unread"
    """The owner's key opens no bucket: it is lost, or the owner suspended. Apply mends that before it compares them."""
    OVERSHOOT = "overshoot"
    COSTS = "costs"
    NO_PRICES = "no_prices"


@dataclass(frozen=True)
class HoldNote:
    """The tenant is under a hold: nothing expires, and nothing is deleted.

    ``not_kept_on`` are platforms without buckets, where the customer's own administrator can delete nevertheless.
    """

    hold: HoldInFile
    not_kept_on: tuple[str, ...] = ()
    kind: Literal[NoteKind.HOLD] = NoteKind.HOLD


@dataclass(frozen=True)
class TenantNote:
    """The tenant is leaving, or suspended, or its buckets cannot be read yet."""

    kind: Literal[NoteKind.LEAVING, NoteKind.SUSPENDED, NoteKind.BUCKETS_UNREAD]


@dataclass(frozen=True)
class RetiredNote:
    """A machine is retired."""

    machine: str
    retired: RetiredStatus
    kind: Literal[NoteKind.RETIRED] = NoteKind.RETIRED


@dataclass(frozen=True)
class MachineNote:
    """A machine is retired before its day, or still has the agent of before, or its retention is frozen."""

    kind: Literal[NoteKind.RETIRED_AHEAD, NoteKind.AGENT_STANDS, NoteKind.FORMER_AGENT, NoteKind.RETENTION_FROZEN]
    machine: str


@dataclass(frozen=True)
class LicenceNote:
    """The file sells a machine by another licence than the one that the editor of its agent takes for its system."""

    machine: str
    editor: str
    licence: MachineKind
    kind: Literal[NoteKind.LICENCE] = NoteKind.LICENCE


@dataclass(frozen=True)
class RepositoryGoneNote:
    """A machine's repository is gone, and this many snapshots were seen in it: apply refuses the machine."""

    machine: str
    snapshots: int
    kind: Literal[NoteKind.REPOSITORY_GONE] = NoteKind.REPOSITORY_GONE


@dataclass(frozen=True)
class OvershootNote:
    """The platform enforces no limit: the gate alone does, and this much may pass the sold quota between two looks.

    The values are measured, and change by themselves.
    """

    look_seconds: int
    beyond_bytes: int
    kind: Literal[NoteKind.OVERSHOOT] = NoteKind.OVERSHOOT


@dataclass(frozen=True)
class CostsNote:
    """What the tenant costs on a platform that bills by use, in US dollars; ``present_month`` is for what is stored.

    ``copied_to`` is the platform of the second copy, for the costs of that.
    """

    region: str
    prices_of: date
    month: Decimal
    storage_month: Decimal
    requests_month: Decimal
    verification_month: Decimal
    restore: Decimal
    present_bytes: int
    present_month: Decimal
    copied_to: str | None = None
    kind: Literal[NoteKind.COSTS] = NoteKind.COSTS


@dataclass(frozen=True)
class NoPricesNote:
    """The platform bills by use, and Coffre has no prices for its region."""

    region: str
    kind: Literal[NoteKind.NO_PRICES] = NoteKind.NO_PRICES


Note = Annotated[
    HoldNote
    | TenantNote
    | RetiredNote
    | MachineNote
    | LicenceNote
    | RepositoryGoneNote
    | OvershootNote
    | CostsNote
    | NoPricesNote,
    Field(discriminator="kind"),
]

UNBINDING = frozenset({NoteKind.COSTS, NoteKind.NO_PRICES, NoteKind.OVERSHOOT})
"""Notes that inform and bind nobody: their values change by themselves, so they make no plan out of date."""
