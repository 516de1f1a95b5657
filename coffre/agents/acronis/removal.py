"""Takes the vendor's agent from machines, in the vendor's safe order: plan, registration, software, entry in its list.

Backups stay: they are the storage's, and the end of a contract decides about them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from coffre.acronis.values.agents import Agent
from coffre.agents.acronis import inventory
from coffre.agents.acronis.case import Case, still_open
from coffre.agents.acronis.inventory import PathOf
from coffre.agents.acronis.judging import find_agent
from coffre.agents.acronis.play import play
from coffre.agents.driver import OnProgress, RemoveRequest, Target
from coffre.agents.sites.anywhere import Runs

REVOKED = "Revoke the protection plans"
DELETED = "Delete the agent from the vendor's list"
"""The changes that are made by the vendor's API, in the words of tasks."""

Removal = Case[RemoveRequest]


def remove(runs: Runs, cases: Sequence[Removal], on_progress: OnProgress) -> None:
    """Remove what is ours from the machines of open cases; what is already gone is no error.

    A machine with an agent of the vendor's that neither a note of ours nor the customer knows is left as it is.
    """
    for case in cases:
        case.attempt(_revoke)
    present = [case for case in still_open(cases) if case.facts.note is not None or case.agent is not None]
    play(runs, [case for case in present if _has_something(case)], _variables, on_progress)
    for case in present:
        case.attempt(_delete)


def _revoke(case: Removal) -> None:
    if case.customer is None:
        return
    case.agent = find_agent(case.customer.list_agents(), case.facts, case.terms)
    machine = case.customer.find_machine(case.agent) if case.agent is not None else None
    if machine is not None and case.customer.revoke_all(machine):
        case.changes.append(REVOKED)


def _delete(case: Removal) -> None:
    agent: Agent | None = case.agent
    if agent is not None and case.customer is not None and case.customer.delete_agent(agent.id):
        case.changes.append(DELETED)
    case.agent = None


def _has_something(case: Removal) -> bool:
    return case.facts.has_rest or case.facts.note is not None


def _variables(_case: Case[Any], target: Target, _path_of: PathOf) -> Mapping[str, Any]:
    return inventory.remove_variables(target)
