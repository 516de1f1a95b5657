"""Runs the parts of the roles on the machines of cases, and judges what came of it."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from coffre.agents.acronis.case import Case, R, still_open
from coffre.agents.acronis.facts import read_facts
from coffre.agents.acronis.inventory import PLAYBOOK, PathOf, build_inventory, look_variables, with_private_folder
from coffre.agents.acronis.owner import find_refusal
from coffre.agents.ansible.connection import Inventory, host_name
from coffre.agents.ansible.events import HostOutcome
from coffre.agents.ansible.verdict import judge
from coffre.agents.driver import DeployResult, OnProgress, Target
from coffre.agents.sites.anywhere import Runs, Work
from coffre.agents.sites.job import Luggage
from coffre.errors import ExpectedError, RemoteError

ELSEWHERE = "already registered in a different tenant"
"""The vendor's words for an agent that another of its customers has."""

VariablesOf = Callable[[Case[Any], Target, PathOf], Mapping[str, Any]]
"""Returns the variables of a machine; the target is as the run connects to it."""


def look_at(
    runs: Runs,
    cases: Sequence[Case[R]],
    slugs: Mapping[str, str],
    on_progress: OnProgress,
    *,
    only_looks: bool = False,
) -> None:
    """Have each machine say what it has of the agent; one with somebody else's agent is refused."""

    def variables_of(_case: Case[Any], target: Target, _path_of: PathOf) -> Mapping[str, Any]:
        return look_variables(target)

    outcomes = _run(runs, still_open(cases), variables_of, on_progress, only_looks=only_looks)
    for case in still_open(cases):
        outcome = outcomes[host_name(case.target)]
        case.take(judge(case.target, outcome, lambda _: None))
        case.facts = read_facts(outcome.told)
        refusal = find_refusal(case.facts, case.target.slug, case.owner, slugs)
        if refusal is not None and outcome.ok:
            case.fail(f"{refusal.message}. {refusal.hint}")


def play(runs: Runs, cases: Sequence[Case[R]], variables_of: VariablesOf, on_progress: OnProgress) -> None:
    """Do a part of the work on each machine whose case is open."""
    outcomes = _run(runs, still_open(cases), variables_of, on_progress, only_looks=False)
    for case in still_open(cases):
        case.take(judged(case.target, outcomes[host_name(case.target)]))


def judged(target: Target, outcome: HostOutcome) -> DeployResult:
    """Return the result on a machine, with the vendor's own reasons in plain words. Pure."""

    def explain(outcome: HostOutcome) -> ExpectedError | None:
        if ELSEWHERE in " ".join(outcome.reason.split()):
            return RemoteError(
                f"{target.machine}: its agent belongs to another customer at Acronis",
                "It is a copy of another machine, or was another customer's: remove the agent with its settings there "
                "(on Windows a copy may keep it, with a new machine id), then run the same command again.",
            )
        return None

    return judge(target, outcome, explain)


def _run(
    runs: Runs, cases: Sequence[Case[R]], variables_of: VariablesOf, on_progress: OnProgress, *, only_looks: bool
) -> dict[str, HostOutcome]:
    by_host = {host_name(case.target): case for case in cases}

    def inventory_of(requests: Sequence[R], luggage: Luggage | None) -> Inventory:
        path_of: PathOf = _here if luggage is None else luggage.take_program
        targets = {host_name(each.target): each.target for each in requests}
        machines = {host: (target, variables_of(by_host[host], target, path_of)) for host, target in targets.items()}
        return build_inventory(machines, secrets.token_hex(8))

    work = Work(PLAYBOOK, inventory_of, with_private_folder, only_looks=only_looks)
    return runs.run(work, [case.request for case in cases], on_progress)


def _here(path: Path, _name: str, _sha256: str) -> Path:
    return path
