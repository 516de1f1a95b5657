"""Waits for the vendor to show what a machine did: an agent online, a machine that plans can be applied to."""

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import tenacity

from coffre.acronis.identifiers import ResourceId, TenantUuid
from coffre.acronis.values.agents import Agent
from coffre.agents.acronis.case import Case, still_open
from coffre.agents.acronis.customer import Customer
from coffre.agents.acronis.judging import find_arrived
from coffre.agents.acronis.settings import AcronisSettings, Waiting
from coffre.agents.driver import DeployRequest, OnProgress
from coffre.errors import RemoteError

_Seen = TypeVar("_Seen")
Sleep = Callable[[float], None]


class Listing:
    """The agents of customers at one moment: each customer is asked once."""

    def __init__(self) -> None:
        self._agents: dict[TenantUuid, list[Agent]] = {}

    def of(self, customer: Customer) -> list[Agent]:
        """Return the agents of a customer."""
        if customer.uuid not in self._agents:
            self._agents[customer.uuid] = customer.list_agents()
        return self._agents[customer.uuid]


def await_agents(
    cases: Sequence[Case[DeployRequest]],
    before: Listing,
    settings: AcronisSettings,
    on_progress: OnProgress,
    sleep: Sleep = time.sleep,
) -> None:
    """Wait until the vendor has the agent of every open case online; the others fail.

    ``before`` are the agents that the vendor had first.
    """
    arrived: set[int] = set()

    def look_again() -> list[Case[DeployRequest]]:
        now = Listing()
        for case in _absent(cases, arrived):
            on_progress(case.target.machine, "Wait until the vendor has the agent online")
            case.attempt(find, now)
        return _absent(cases, arrived)

    def find(case: Case[DeployRequest], now: Listing) -> None:
        customer = case.needed_customer()
        known = {each.id: each for each in before.of(customer)}
        least = settings.installer_for(case.target.system)
        found = find_arrived(now.of(customer), known, case.facts, case.agent, least)
        if found is not None:
            case.agent = found
            arrived.add(id(case))

    for case in _wait(settings.waiting, sleep, look_again, bool):
        case.fail(
            "its agent does not come online at Acronis. Check on the machine that the agent's services run and that it "
            f"reaches {settings.data_center.url} (ports 443, 8443, 44445 and 7770-7800), then run the same command "
            "again."
        )


def await_machine(customer: Customer, agent: Agent, waiting: Waiting, sleep: Sleep = time.sleep) -> ResourceId:
    """Return the machine of an agent, waiting for the vendor to list one that is new; RemoteError when it does not."""
    found = _wait(waiting, sleep, lambda: customer.find_machine(agent), lambda machine: machine is None)
    if found is None:
        raise RemoteError(
            "Acronis has its agent online, and does not list the machine",
            "Run the same command again in some minutes: its plan is not applied yet.",
        )
    return found


def _absent(cases: Sequence[Case[DeployRequest]], arrived: set[int]) -> list[Case[DeployRequest]]:
    return [case for case in still_open(cases) if id(case) not in arrived]


def _wait(waiting: Waiting, sleep: Sleep, look: Callable[[], _Seen], lacks: Callable[[_Seen], bool]) -> _Seen:
    """Return what a look gives as soon as nothing lacks, else what the last one in time gives."""
    found: _Seen = tenacity.Retrying(
        retry=tenacity.retry_if_result(lacks),
        wait=tenacity.wait_exponential(multiplier=waiting.first_seconds, max=waiting.longest_seconds),
        stop=tenacity.stop_after_delay(waiting.total_seconds),
        sleep=sleep,
        retry_error_callback=lambda state: state.outcome.result() if state.outcome is not None else None,
    )(look)
    return found
