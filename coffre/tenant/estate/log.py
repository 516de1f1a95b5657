"""The log of one tenant: its records, read and written as typed facts."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from coffre.records.actor import Author
from coffre.records.events import Event, EventKind
from coffre.records.facts.departure import RecordsTrimmed
from coffre.records.facts.fact import Fact
from coffre.records.facts.registry import FactClasses, kind_of, read_as, write_fact
from coffre.records.memory import Memory
from coffre.workspace import fence
from coffre.workspace.clock import utc_now

if TYPE_CHECKING:
    from coffre.records.database.store import Records  # which imports a heavy library

F = TypeVar("F", bound=Fact)
F_co = TypeVar("F_co", bound=Fact, covariant=True)


@dataclass(frozen=True)
class RecordedFact(Generic[F_co]):
    """A recorded fact: who recorded it, when, and about which machine (None: about the whole tenant).

    ``id`` is in the order of adding; ``commit`` is None outside a git checkout.
    """

    id: int
    tenant_id: str
    at: datetime
    actor: str
    commit: str | None
    machine: str | None
    fact: F_co

    @property
    def kind(self) -> EventKind:
        return kind_of(type(self.fact))


class Log(Protocol):
    """What a command can do with the records of one tenant. Reading never creates a database."""

    @property
    def tenant_id(self) -> str: ...

    @property
    def slug(self) -> str: ...

    def append(self, fact: F, machine: str | None = None) -> RecordedFact[F]:
        """Record a fact, with its author, commit and time."""

    def last(self, kinds: FactClasses[F], machine: str | None = None) -> RecordedFact[F] | None:
        """Return the fact that was recorded last; without a machine, the last one of any machine."""

    def list(
        self,
        kinds: FactClasses[F],
        machine: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Sequence[RecordedFact[F]]:
        """Return the facts in the order of recording, from ``since`` (included) to ``until`` (excluded)."""

    def has(self, kinds: FactClasses[Fact], machine: str | None = None) -> bool:
        """Tell whether such a fact was ever recorded."""


@dataclass(frozen=True)
class TenantLog:
    """The log of a tenant in the records database, which is opened on first use.

    ``find_records`` returns None when nothing was ever recorded; ``open_records`` creates the database.
    """

    tenant_id: str
    slug: str
    author: Author
    open_records: "Callable[[], Records]"
    find_records: "Callable[[], Records | None]"
    clock: Callable[[], datetime] = utc_now

    @classmethod
    def read(cls, records: "Records", tenant_id: str, slug: str, author: Author) -> "TenantLog":
        """Return the log of a tenant in open records."""
        return cls(tenant_id, slug, author, lambda: records, lambda: records)

    def append(self, fact: F, machine: str | None = None) -> RecordedFact[F]:
        fence.check()
        return _recorded(self.open_records().append(self._event(fact, machine)), fact)

    def trim(self, trimmed: RecordsTrimmed, kinds: Collection[EventKind]) -> Mapping[EventKind, int]:
        """Delete the events of these kinds, record the deletion with its counts, and return the counts."""
        fence.check()
        return self.open_records().trim(self._event(trimmed, None), kinds)

    def _event(self, fact: Fact, machine: str | None) -> Event:
        return Event(
            tenant_id=self.tenant_id,
            slug=self.slug,
            kind=kind_of(type(fact)),
            at=self.clock(),
            actor=self.author.actor,
            commit=self.author.commit,
            machine=machine,
            details=write_fact(fact),
        )

    def last(self, kinds: FactClasses[F], machine: str | None = None) -> RecordedFact[F] | None:
        records = self.find_records()
        if records is None:
            return None
        found = [records.find_last(self.tenant_id, kind_of(each), machine) for each in each_of(kinds)]
        newest = max((event for event in found if event is not None), key=lambda event: event.id or 0, default=None)
        return None if newest is None else read_recorded(newest, kinds)

    def list(
        self,
        kinds: FactClasses[F],
        machine: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Sequence[RecordedFact[F]]:
        records = self.find_records()
        if records is None:
            return []
        wanted = [kind_of(each) for each in each_of(kinds)]
        events = records.select_events(self.tenant_id, wanted, machine, since, until)
        return [read_recorded(event, kinds) for event in events]

    def has(self, kinds: FactClasses[Fact], machine: str | None = None) -> bool:
        records = self.find_records()
        return records is not None and any(
            records.has(self.tenant_id, kind_of(each), machine) for each in each_of(kinds)
        )

    def recall(self, machine: str) -> Memory:
        """Return the memory of a machine; reading creates no records."""
        records = self.find_records()
        return Memory() if records is None else records.read_memory(self.tenant_id, machine)


def fact_of(recorded: RecordedFact[F] | None) -> F | None:
    """Return the fact of a recorded fact, None for None."""
    return None if recorded is None else recorded.fact


def read_recorded(event: Event, kinds: FactClasses[F]) -> RecordedFact[F]:
    """Return a recorded event as its fact; TypeError when it is none of these classes."""
    return _recorded(event, read_as(event, kinds))


def _recorded(event: Event, fact: F) -> RecordedFact[F]:
    return RecordedFact(event.id or 0, event.tenant_id, event.at, event.actor, event.commit, event.machine, fact)


def each_of(kinds: FactClasses[F]) -> tuple[type[F], ...]:
    """Return the classes among which a fact is searched. Pure."""
    return kinds if isinstance(kinds, tuple) else (kinds,)
