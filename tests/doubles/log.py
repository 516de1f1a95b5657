"""A log in memory: a command's access to the records of one tenant, without a database."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from coffre.records.events import Event, check_recordable, storable
from coffre.records.facts.fact import Fact
from coffre.records.facts.registry import FactClasses, kind_of, write_fact
from coffre.tenant.estate.log import F, RecordedFact, read_recorded
from coffre.workspace.clock import utc_now


@dataclass
class InMemoryLog:
    """Facts of one tenant, each converted to JSON and back."""

    tenant_id: str = "k7f3q9wz2m"
    slug: str = "boulangerie-martin"
    actor: str = "claire@example.org"
    commit: str | None = "1a2b3c4d5e6f"
    clock: Callable[[], datetime] = utc_now
    events: list[Event] = field(default_factory=list)

    def append(self, fact: F, machine: str | None = None) -> RecordedFact[F]:
        event = Event(
            tenant_id=self.tenant_id,
            slug=self.slug,
            kind=kind_of(type(fact)),
            at=self.clock(),
            actor=self.actor,
            commit=self.commit,
            machine=machine,
            details=write_fact(fact),
            id=len(self.events) + 1,
        )
        check_recordable(event)
        details = json.loads(json.dumps(storable(event.details)))
        self.events.append(Event(**{**vars(event), "details": details}))
        return RecordedFact(len(self.events), self.tenant_id, event.at, self.actor, self.commit, machine, fact)

    def last(self, kinds: FactClasses[F], machine: str | None = None) -> RecordedFact[F] | None:
        found = self.list(kinds, machine)
        return found[-1] if found else None

    def has(self, kinds: FactClasses[Fact], machine: str | None = None) -> bool:
        return self.last(kinds, machine) is not None

    def list(
        self,
        kinds: FactClasses[F],
        machine: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Sequence[RecordedFact[F]]:
        classes = kinds if isinstance(kinds, tuple) else (kinds,)
        wanted = {kind_of(each) for each in classes}
        return [
            read_recorded(event, kinds)
            for event in self.events
            if event.kind in wanted
            and machine in (None, event.machine)
            and (since is None or event.at >= since)
            and (until is None or event.at < until)
        ]
