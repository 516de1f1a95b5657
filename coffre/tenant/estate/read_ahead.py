"""The log of one tenant during a look: what a look asks for again and again is read at once, and kept.

A look at one machine asks a dozen questions to the records; each costs a millisecond in a local database, and a way to
another computer in PostgreSQL.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from coffre.records.events import Event, EventKind
from coffre.records.facts.agents import (
    Install,
    MachineRetired,
    OrdersIssued,
    OrdersWritten,
    PathsAccepted,
    Removal,
    Update,
)
from coffre.records.facts.contract import GateChange, GateWord, HoldLifted, HoldPlaced, SuspensionChange
from coffre.records.facts.departure import DepartureStage, DepartureStep
from coffre.records.facts.enrolment import ConfigurationDelivered
from coffre.records.facts.fact import Fact
from coffre.records.facts.registry import FactClasses, kind_of
from coffre.records.facts.supervision import PauseDeclared, PauseEnded, RetentionFrozen, RetentionReleased
from coffre.records.memory import Memory
from coffre.tenant.estate.log import F, RecordedFact, TenantLog, each_of, read_recorded

AHEAD: tuple[type[Fact], ...] = (
    Install,
    Update,
    Removal,
    MachineRetired,
    OrdersIssued,
    OrdersWritten,
    PathsAccepted,
    GateChange,
    GateWord,
    SuspensionChange,
    ConfigurationDelivered,
    PauseDeclared,
    PauseEnded,
    DepartureStage,
    DepartureStep,
    HoldPlaced,
    HoldLifted,
    RetentionFrozen,
    RetentionReleased,
)
"""The facts that a look at a tenant asks for; any other is read when it is asked for."""

_KINDS = frozenset(kind_of(each) for each in AHEAD)


@dataclass(frozen=True)
class ReadAheadLog(TenantLog):
    """A log whose facts of the classes in `AHEAD`, and whose memories, are those of the first question.

    For one thread, and for a look: what is recorded meanwhile is not seen.
    """

    @cached_property
    def _events(self) -> Sequence[Event]:
        records = self.find_records()
        return () if records is None else records.select_events(self.tenant_id, _KINDS)

    @cached_property
    def _memories(self) -> Mapping[str, Memory]:
        records = self.find_records()
        return {} if records is None else records.read_memories(self.tenant_id)

    def last(self, kinds: FactClasses[F], machine: str | None = None) -> RecordedFact[F] | None:
        if not _is_ahead(kinds):
            return super().last(kinds, machine)
        wanted = {kind_of(each) for each in each_of(kinds)}
        newest = next((each for each in reversed(self._events) if _is_asked(each, wanted, machine)), None)
        return None if newest is None else self._read(newest, kinds)

    def list(
        self,
        kinds: FactClasses[F],
        machine: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Sequence[RecordedFact[F]]:
        if since is not None or until is not None or not _is_ahead(kinds):
            return super().list(kinds, machine, since, until)
        wanted = {kind_of(each) for each in each_of(kinds)}
        return [self._read(each, kinds) for each in self._events if _is_asked(each, wanted, machine)]

    def has(self, kinds: FactClasses[Fact], machine: str | None = None) -> bool:
        return super().has(kinds, machine) if not _is_ahead(kinds) else self.last(kinds, machine) is not None

    @cached_property
    def _facts(self) -> dict[int, RecordedFact[Any]]:
        """The facts that were read, by the number of their event."""
        return {}

    def _read(self, event: Event, kinds: FactClasses[F]) -> RecordedFact[F]:
        number = event.id or 0
        if number not in self._facts:
            self._facts[number] = read_recorded(event, kinds)
        return self._facts[number]

    def recall(self, machine: str) -> Memory:
        return self._memories.get(machine, Memory())


def _is_ahead(kinds: FactClasses[F]) -> bool:
    return all(kind_of(each) in _KINDS for each in each_of(kinds))


def _is_asked(event: Event, kinds: Collection[EventKind], machine: str | None) -> bool:
    return event.kind in kinds and machine in (None, event.machine)
