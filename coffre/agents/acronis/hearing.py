"""What the vendor tells of a machine's backups, as reports; and a backup that is started now and followed."""

import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from coffre.acronis.client import open_acronis
from coffre.acronis.identifiers import ResourceId
from coffre.acronis.patience import Patience
from coffre.acronis.values.agents import Agent, Resource
from coffre.acronis.values.monitoring import Activity, ResultCode
from coffre.agents.acronis.customer import Customer, Directory, find_machine
from coffre.agents.acronis.settings import AcronisSettings, MachineTerms
from coffre.agents.driver import Heard, RunClock
from coffre.agents.home import AgentOwner
from coffre.agents.report import Report, ReportResult
from coffre.errors import ExpectedError, RefusedError

REMEMBERED = timedelta(days=92)
"""How far back backups are asked for: a machine without one in this time never had one."""
KEPT_SECONDS = 60.0
"""How long an answer serves for the other machines of the same customer."""
FIRST_SECONDS, LONGEST_SECONDS = 5.0, 30.0
"""How often a backup that goes on is looked for."""

RESULTS = {
    ResultCode.OK: ReportResult.SUCCESS,
    # The vendor's warnings are of backups that were made; what nobody knows counts as one.
    ResultCode.WARNING: ReportResult.PARTIAL,
    ResultCode.UNKNOWN: ReportResult.PARTIAL,
    ResultCode.ERROR: ReportResult.FAILED,
}


@dataclass(frozen=True)
class _Seen:
    """What the vendor told of a customer, and when, by this computer's monotonic clock."""

    at: float
    agents: Sequence[Agent]
    machines: Sequence[Resource]
    backups: Sequence[Activity]


@dataclass(frozen=True)
class _Silence:
    """Why the vendor told nothing of a customer."""

    at: float
    why: ExpectedError


class Hearing:
    """Asks the vendor, once for all machines of a customer; safe to use from many threads."""

    def __init__(
        self,
        settings: AcronisSettings,
        patience: Patience | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings, self._patience, self._now = settings, patience, now
        self._lock = threading.Lock()
        self._seen: dict[str, _Seen | _Silence] = {}

    def hear(self, owner: AgentOwner) -> Heard:
        """Return the last run of a machine and its last successful one; nothing for a machine without an agent yet."""
        terms = self._settings.terms(owner)
        if terms.known_agent is None:
            return Heard()
        seen = self._look(terms)
        agent = next((each for each in seen.agents if each.id == terms.known_agent), None)
        # An agent that the vendor does not list any more had a machine all the same: by its number, not by its name.
        machine = find_machine(seen.machines, agent or Agent(id=terms.known_agent), terms.customer)
        ended = sorted(
            (each for each in seen.backups if machine is not None and each.resource_id == machine and has_ended(each)),
            key=_ended_at,
        )
        reports = [make_report(owner, each) for each in ended]
        good = [each for each in reports if each.result is ReportResult.SUCCESS]
        return Heard(reports[-1] if reports else None, good[-1] if good else None)

    def back_up(
        self, owner: AgentOwner, deadline_seconds: float, on_progress: Callable[[str], None], clock: RunClock
    ) -> Report:
        """Start a machine's plan, or join a backup that goes on, and return its report; ExpectedError without one."""
        terms = self._settings.terms(owner)
        with self._opened(terms) as customer:
            machine = _machine_of(customer, terms, owner)
            plan = customer.plan(terms.plan)
            known = _of(machine, customer.list_all_backups())
            ended = {each.id for each in known if has_ended(each)}
            if len(ended) == len(known):
                on_progress("start the protection plan")
                customer.run(plan.id, machine)
            until, wait = clock.now() + deadline_seconds, FIRST_SECONDS
            while True:
                new = [each for each in _of(machine, customer.list_all_backups()) if each.id not in ended]
                over = sorted(filter(has_ended, new), key=_ended_at)
                if over:
                    return make_report(owner, over[-1])
                if clock.now() + wait > until:
                    raise ExpectedError(
                        f"{owner.machine}: its backup has not ended within {deadline_seconds:.0f} seconds",
                        "It goes on; the vendor's console shows how far it is.",
                    )
                on_progress("the backup goes on")
                clock.sleep(wait)
                wait = min(2 * wait, LONGEST_SECONDS)

    def _look(self, terms: MachineTerms) -> _Seen:
        """Return what the vendor tells of a customer; a failure counts for its other machines, too."""
        with self._lock:
            known = self._seen.get(terms.customer)
            if known is None or time.monotonic() - known.at > KEPT_SECONDS:
                known = self._seen[terms.customer] = self._ask(terms)
        if isinstance(known, _Silence):
            raise known.why
        return known

    def _ask(self, terms: MachineTerms) -> "_Seen | _Silence":
        try:
            with self._opened(terms) as customer:
                backups = customer.list_backups(self._now() - REMEMBERED)
                return _Seen(time.monotonic(), customer.list_agents(), customer.list_machines(), backups)
        except ExpectedError as why:
            return _Silence(time.monotonic(), why)

    @contextmanager
    def _opened(self, terms: MachineTerms) -> Iterator[Customer]:
        with open_acronis(self._settings.access, self._patience) as client:
            yield Directory(client, self._settings.partner_uuid).get(terms.customer)


def has_ended(activity: Activity) -> bool:
    """Tell whether a backup is over, and says how it ended."""
    return activity.result is not None and activity.completed_at is not None


def make_report(owner: AgentOwner, activity: Activity) -> Report:
    """Return the report of a backup that is over, by the vendor's clock."""
    assert activity.result is not None  # noqa: S101 - it is over
    ended_at = _ended_at(activity)
    return Report(
        version=1,
        tenant_id=owner.tenant_id,
        machine=owner.machine,
        # Reports have ids of 32 hexadecimal digits; the vendor's own are UUIDs, as a rule.
        run_id=hashlib.sha256(str(activity.id).encode()).hexdigest()[:32],
        started_at=min(activity.started_at or ended_at, ended_at),
        finished_at=ended_at,
        result=RESULTS[activity.result.code],
    )


def _ended_at(activity: Activity) -> datetime:
    assert activity.completed_at is not None  # noqa: S101 - it is over
    return activity.completed_at


def _of(machine: ResourceId, activities: Sequence[Activity]) -> list[Activity]:
    return [each for each in activities if each.resource_id == machine]


def _machine_of(customer: Customer, terms: MachineTerms, owner: AgentOwner) -> ResourceId:
    agent = next((each for each in customer.list_agents() if each.id == terms.known_agent), None)
    machine = find_machine(customer.list_machines(), agent, terms.customer) if agent is not None else None
    if agent is None or machine is None:
        raise RefusedError(f"{owner.machine} has no agent at Acronis yet", "Run `coffre apply` for this tenant first.")
    if not agent.online:
        raise ExpectedError(
            f"{owner.machine}: its agent is not online at Acronis", "Switch the machine on, and check its network."
        )
    return machine
