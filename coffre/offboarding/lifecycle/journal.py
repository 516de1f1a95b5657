"""The journal of a departure: its stages and its evidence, appended to the records and read back from there."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import TypeVar

from coffre.errors import RefusedError
from coffre.offboarding.lifecycle.evidence import Step, from_details, to_details
from coffre.records.events import Event, EventKind
from coffre.tenant.service import Service
from coffre.tenant.stage import Stage

E = TypeVar("E")


@dataclass(frozen=True)
class Entry:
    """One entry: the event, and the day of the procedure on which it was written (the lab can set that day)."""

    event: Event
    on: date


class Journal:
    """The departure of a tenant, or with ``machine`` of one retired machine. Only what the last one left is seen.

    ``today`` is the procedure's day, in the tenant's time zone.
    """

    def __init__(self, service: Service, today: date, machine: str | None = None) -> None:
        self._service = service
        self._machine = machine
        self.today = today
        self._statement: str | None = None

    @property
    def machine(self) -> str | None:
        return self._machine

    def entries(self) -> list[Entry]:
        """Return the entries of the departure under way, or of the last one; none when it was renounced."""
        return [_entry(event) for event in self._departures()[-1]]

    @property
    def departure(self) -> int:
        """Which departure is under way: 1 is the first, and each that was renounced makes it one more."""
        return len(self._departures())

    def _departures(self) -> list[list[Event]]:
        """Return the events of each departure, oldest first; the last one has none yet after one that was renounced."""
        kinds = (EventKind.DEPARTURE, EventKind.DEPARTURE_STEP)
        found = [event for kind in kinds for event in self._service.records.list_events(self._service.tenant.id, kind)]
        departures: list[list[Event]] = [[]]
        for event in filter(self._is_mine, sorted(found, key=lambda event: event.id or 0)):
            departures[-1].append(event)
            if event.details.get("stage") == Stage.RENOUNCED:
                departures.append([])
        return departures

    @property
    def stage(self) -> Stage | None:
        stages = [entry.event.details["stage"] for entry in self.entries() if entry.event.kind is EventKind.DEPARTURE]
        return Stage(str(stages[-1])) if stages else None

    def last_on(self) -> date | None:
        """Return the latest day of the procedure that anything was written on."""
        return max((entry.on for entry in self.entries()), default=None)

    def enter(self, stage: Stage, **facts: object) -> Event:
        """Write that a stage is reached."""
        return self._write(EventKind.DEPARTURE, None, {"stage": stage.value, **facts})

    def sign_as(self, name: str, statement: str) -> None:
        """Have what is written from now on be somebody's, and belong to their signed statement of this nonce."""
        self._service = replace(self._service, author=replace(self._service.author, actor=name))
        self._statement = statement

    def note(self, step: Step, evidence: object, machine: str | None = None, *, again: bool = False) -> Event:
        """Write evidence of a step; ``machine`` is the one that it is about.

        What the newest entry of that step says already is not written twice, unless ``again``: who looks once more, and
        sees the same, has looked.
        """
        newest = [entry for entry in self.steps(step) if machine is None or entry.event.machine == machine][-1:]
        if newest and not again and from_details(type(evidence), newest[0].event.details) == evidence:
            return newest[0].event
        return self._write(EventKind.DEPARTURE_STEP, machine, {"step": step.value, **to_details(evidence)})

    def read(self, step: Step, kind: type[E]) -> list[E]:
        """Return all evidence of a step, oldest first."""
        return [from_details(kind, entry.event.details) for entry in self.steps(step)]

    def find(self, step: Step, kind: type[E], machine: str | None = None) -> E | None:
        """Return the newest evidence of a step, of a machine where one is named."""
        found = [entry for entry in self.steps(step) if machine is None or entry.event.machine == machine]
        return from_details(kind, found[-1].event.details) if found else None

    def steps(self, step: Step) -> list[Entry]:
        """Return the entries of a step, with who wrote them and when."""
        return [entry for entry in self.entries() if entry.event.details.get("step") == step.value]

    def refuse_earlier_day(self) -> None:
        """Refuse to go on when the clock is behind the journal: a date that goes back proves nothing."""
        last_on = self.last_on()
        if last_on is not None and self.today < last_on:
            raise RefusedError(
                f"today is {self.today}, but the journal of {self._service.tenant.slug} was last written on {last_on}",
                "Set this computer's clock right, then run the same command again; nothing was touched.",
            )

    def _is_mine(self, event: Event) -> bool:
        return event.details.get("retired_machine") == self._machine

    def _write(self, kind: EventKind, machine: str | None, details: Mapping[str, object]) -> Event:
        about: dict[str, object] = {} if self._machine is None else {"retired_machine": self._machine}
        about |= {"identity": "declared"} if self._statement is None else {"identity": "proved", "by": self._statement}
        return self._service.record(kind, machine or self._machine, on=self.today.isoformat(), **about, **details)


def digest_journal(entries: Iterable[Entry]) -> str:
    """Return the SHA-256 of journal entries, each as one line of JSON."""
    digest = hashlib.sha256()
    for entry in entries:
        event = entry.event
        line = {
            "id": event.id,
            "kind": event.kind.value,
            "at": event.at.isoformat(),
            "actor": event.actor,
            "commit": event.commit,
            "machine": event.machine,
            "details": event.details,
        }
        digest.update(json.dumps(line, sort_keys=True, ensure_ascii=False).encode() + b"\n")
    return digest.hexdigest()


def _entry(event: Event) -> Entry:
    return Entry(event, date.fromisoformat(str(event.details["on"])))
