"""Facts about the availability of platforms: maintenance declared beforehand, and what a person excluded."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from coffre.records.facts.fact import Fact


@dataclass(frozen=True)
class MaintenanceWord(Fact):
    """What was said about a maintenance of a platform; the time of the event is when it was said."""

    platform: str
    begins_at: datetime


@dataclass(frozen=True)
class MaintenanceDeclared(MaintenanceWord):
    """A maintenance of platform.yaml was declared; ``is_urgent``: with shorter notice than platform.yaml asks for."""

    ends_at: datetime
    reason: str
    is_urgent: bool = False


@dataclass(frozen=True)
class MaintenanceWithdrawn(MaintenanceWord):
    """A declared maintenance is no longer in platform.yaml."""


@dataclass(frozen=True)
class ChangeWindowDeclared(Fact):
    """A time without guarantee during a change that the customer asked for (article 9b); it is a tenant's."""

    begins_at: datetime
    ends_at: datetime
    reason: str


class ExclusionCause(StrEnum):
    """Why a past outage does not count (article 15). The database keeps the values for ever."""

    FORCE_MAJEURE = "force_majeure"
    THIRD_PARTY = "third_party"
    CUSTOMER = "customer"


@dataclass(frozen=True)
class ExclusionWord(Fact):
    """What a person decided about a past time of a platform."""

    platform: str
    begins_at: datetime
    ends_at: datetime
    reason: str


@dataclass(frozen=True)
class TimeExcluded(ExclusionWord):
    """The time does not count."""

    cause: ExclusionCause = ExclusionCause.FORCE_MAJEURE


@dataclass(frozen=True)
class ExclusionRevoked(ExclusionWord):
    """The decision about exactly this time was a mistake: it counts again."""


@dataclass(frozen=True)
class Maintenance:
    """A maintenance as it counts: from its begin to its end, excluded. ``declared_at`` is when it was first said.

    ``reason`` and ``is_urgent`` are those of its last declaration. One that was declared after its begin does not
    excuse an outage (`is_beforehand`).
    """

    platform: str
    begins_at: datetime
    ends_at: datetime
    declared_at: datetime
    reason: str
    is_urgent: bool = False

    @property
    def is_beforehand(self) -> bool:
        return self.declared_at <= self.begins_at


@dataclass(frozen=True)
class Said:
    """A word about a maintenance, and when it was said."""

    at: datetime
    word: MaintenanceWord


def read_maintenances(told: Sequence[Said]) -> tuple[Maintenance, ...]:
    """Return the maintenances that words in their order make, by platform and begin. Pure.

    Before its begin a maintenance may be changed or withdrawn. From then on a word can only shorten it: to the end that
    it names, and never to one in the past of that word.
    """
    found: dict[tuple[str, datetime], Maintenance] = {}
    for said in told:
        key = (said.word.platform, said.word.begins_at)
        before = found.get(key)
        ends_at = said.word.ends_at if isinstance(said.word, MaintenanceDeclared) else said.at
        if before is not None and before.is_beforehand and said.at > before.begins_at:
            shorter = min(before.ends_at, max(ends_at, said.at))
            found[key] = Maintenance(*key, shorter, before.declared_at, before.reason, before.is_urgent)
        elif isinstance(said.word, MaintenanceDeclared):
            found[key] = Maintenance(*key, ends_at, said.at, said.word.reason, said.word.is_urgent)
        else:
            found.pop(key, None)
    return tuple(found[key] for key in sorted(found))


def read_exclusions(told: Sequence[ExclusionWord]) -> tuple[TimeExcluded, ...]:
    """Return the exclusions in force, of words in their order. Pure."""
    found: dict[tuple[str, datetime, datetime], TimeExcluded] = {}
    for word in told:
        key = (word.platform, word.begins_at, word.ends_at)
        if isinstance(word, TimeExcluded):
            found[key] = word
        else:
            found.pop(key, None)
    return tuple(found[key] for key in sorted(found))
