"""The journal of a departure: its stages and its evidence, in the records."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import TypeVar

from coffre.errors import RefusedError
from coffre.offboarding.lifecycle.evidence import Step, read_evidence
from coffre.records.details import to_details
from coffre.records.events import Event, EventKind
from coffre.records.facts.departure import AuthorProof, DepartureStage, DepartureStep, JournalEntry, Stage
from coffre.records.facts.registry import read_fact
from coffre.tenant.estate.log import RecordedFact, TenantLog, read_recorded

E = TypeVar("E")


@dataclass(frozen=True)
class JournalLine:
    """One entry: the event, and the procedure's day of the entry (the lab can set that day)."""

    event: Event
    on: date

    @property
    def fact(self) -> JournalEntry:
        return _read(self.event)

    @property
    def stage(self) -> Stage | None:
        """The reached stage; None for a step."""
        return self.fact.stage if isinstance(self.fact, DepartureStage) else None

    @property
    def step(self) -> Step | None:
        """The step with evidence; None for a stage, and for a step of a newer Coffre."""
        fact = self.fact
        if not isinstance(fact, DepartureStep) or fact.step not in list(Step):
            return None
        return Step(fact.step)

    @property
    def by(self) -> str | None:
        """The nonce of the entry's signed statement."""
        return self.fact.by

    def read(self, kind: type[E]) -> E:
        """Return the evidence of a step."""
        return read_evidence(kind, self.evidence)

    @property
    def evidence(self) -> Mapping[str, object]:
        """The recorded evidence of a step."""
        return self.fact.evidence if isinstance(self.fact, DepartureStep) else {}


class Journal:
    """The departure of a tenant, or with ``machine`` of one retired machine. Only the last departure is visible.

    ``today`` is the procedure's day, in the tenant's time zone.
    """

    def __init__(self, log: TenantLog, today: date, machine: str | None = None) -> None:
        self._log = log
        self._machine = machine
        self.today = today
        self._statement: str | None = None

    @property
    def tenant_id(self) -> str:
        return self._log.tenant_id

    @property
    def machine(self) -> str | None:
        return self._machine

    def entries(self) -> list[JournalLine]:
        """Return the entries of the current departure, or of the last one; none when it was renounced."""
        return [_entry(event) for event in self._departures()[-1]]

    @property
    def departure(self) -> int:
        """The number of the current departure: 1 is the first, and each renounced one adds one."""
        return len(self._departures())

    def _departures(self) -> list[list[Event]]:
        """Return the events of each departure, oldest first; after a renounced one, the last has none yet."""
        kinds = (EventKind.DEPARTURE, EventKind.DEPARTURE_STEP)
        found = self._log.open_records().select_events(self._log.tenant_id, kinds)
        departures: list[list[Event]] = [[]]
        for event in found:
            fact = _read(event)
            if fact.retired_machine != self._machine:
                continue
            departures[-1].append(event)
            if isinstance(fact, DepartureStage) and fact.stage is Stage.RENOUNCED:
                departures.append([])
        return departures

    @property
    def stage(self) -> Stage | None:
        stages = [entry.stage for entry in self.entries() if entry.stage is not None]
        return stages[-1] if stages else None

    def last_on(self) -> date | None:
        """Return the procedure's day of the latest entry."""
        return max((entry.on for entry in self.entries()), default=None)

    def enter(self, stage: Stage) -> None:
        """Write that a stage is reached."""
        self._log.append(DepartureStage(*self._opening(), stage=stage), self._machine)

    def sign_as(self, name: str, statement: str) -> None:
        """Attribute the next entries to a person, with the nonce of their signed statement."""
        self._log = replace(self._log, author=replace(self._log.author, actor=name))
        self._statement = statement

    def note(
        self, step: Step, evidence: object, machine: str | None = None, *, again: bool = False
    ) -> RecordedFact[DepartureStep]:
        """Write evidence of a step; ``machine`` is its machine.

        Evidence equal to the newest entry of that step is not written again, unless ``again``: a repeated check with
        the same result is still a check.
        """
        newest = [entry for entry in self.steps(step) if machine is None or entry.event.machine == machine][-1:]
        if newest and not again and newest[0].read(type(evidence)) == evidence:
            return read_recorded(newest[0].event, DepartureStep)
        fact = DepartureStep(*self._opening(), step=step.value, evidence=to_details(evidence))
        return self._log.append(fact, machine or self._machine)

    def read(self, step: Step, kind: type[E]) -> list[E]:
        """Return all evidence of a step, oldest first."""
        return [entry.read(kind) for entry in self.steps(step)]

    def find(self, step: Step, kind: type[E], machine: str | None = None) -> E | None:
        """Return the newest evidence of a step, of a machine if one is named."""
        found = [entry for entry in self.steps(step) if machine is None or entry.event.machine == machine]
        return found[-1].read(kind) if found else None

    def steps(self, step: Step) -> list[JournalLine]:
        """Return the entries of a step, with author and time."""
        return [entry for entry in self.entries() if entry.step is step]

    def refuse_earlier_day(self) -> None:
        """Refuse to continue when the clock is behind the journal: a date in the past proves nothing."""
        last_on = self.last_on()
        if last_on is not None and self.today < last_on:
            raise RefusedError(
                f"today is {self.today}, but the journal of {self._log.slug} has an entry of {last_on}",
                "Correct this computer's clock, then run the same command again; nothing was changed.",
            )

    def _opening(self) -> tuple[date, str | None, AuthorProof, str | None]:
        """Return the common fields of every entry: the day, the retired machine, and the author."""
        identity = AuthorProof.DECLARED if self._statement is None else AuthorProof.PROVED
        return self.today, self._machine, identity, self._statement


def digest_journal(entries: Iterable[JournalLine]) -> str:
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


def _entry(event: Event) -> JournalLine:
    on = _read(event).on
    if on is None:
        raise ValueError(f"entry {event.id} of the journal of {event.slug} has no day")
    return JournalLine(event, on)


def _read(event: Event) -> JournalEntry:
    fact = read_fact(event)
    assert isinstance(fact, JournalEntry)  # noqa: S101 - asked of a journal's events only
    return fact
