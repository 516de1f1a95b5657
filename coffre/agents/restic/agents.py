"""The restic agents: installed and removed over SSH or WinRM by Ansible."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from coffre.agents.ansible import verdict
from coffre.agents.ansible.connection import Inventory, host_name
from coffre.agents.ansible.events import HostOutcome
from coffre.agents.authorities import read_authorities
from coffre.agents.driver import AgentLook, DeployRequest, DeployResult, OnProgress, RemoveRequest, Target
from coffre.agents.restic.inventory import (
    Installable,
    Installation,
    bucket_of,
    build_deploy_inventory,
    build_remove_inventory,
    with_private_folder,
)
from coffre.agents.restic.look import judge_look
from coffre.agents.restic.owner import LOOK, explain_look
from coffre.agents.restic.programs import AGENT, RESTIC, AgentPrograms
from coffre.agents.sites.anywhere import Runs, Work
from coffre.agents.sites.job import Luggage
from coffre.errors import ExpectedError
from coffre.spec.tenant import OperatingSystem

DEPLOY = "deploy_agents.yml"
__all__ = ["AGENT", "RESTIC", "AgentPrograms", "ResticAgents", "judge"]


class ResticAgents:
    """Drives coffre-agent and restic on machines with an SSH or WinRM connection; implements Agents.

    ``scratch`` is the place of a run's private files on a system without a tmpfs; ``programs`` are those for Linux, by
    default the ones that set-up built; ``slugs`` are the tenants' by their ids, used to name the agent of another
    tenant.
    """

    def __init__(
        self, scratch: Path, programs: AgentPrograms | None = None, slugs: Mapping[str, str] | None = None
    ) -> None:
        self._runs = Runs(scratch)
        self._slugs = slugs or {}
        self._programs = programs

    def deploy(self, requests: Sequence[DeployRequest], on_progress: OnProgress) -> list[DeployResult]:
        """Install or repair the agent on each machine and make it apply its orders. May run twice."""
        outcomes = self._runs.run(Work(DEPLOY, self._for_deploy, with_private_folder), requests, on_progress)
        return [judge(each.target, outcomes[host_name(each.target)], self._slugs) for each in requests]

    def look(self, requests: Sequence[DeployRequest], on_progress: OnProgress) -> list[AgentLook]:
        """Tell what `deploy` would change on each machine, by the same playbook."""
        outcomes = self._runs.run(
            Work(DEPLOY, self._for_deploy, with_private_folder, only_looks=True), requests, on_progress
        )
        seen = [(each.target, outcomes[host_name(each.target)]) for each in requests]
        return [
            judge_look(judge(target, outcome, self._slugs), outcome.agent_changes, outcome.agent_additions)
            for target, outcome in seen
        ]

    def remove(self, requests: Sequence[RemoveRequest], on_progress: OnProgress) -> list[DeployResult]:
        """Stop the agent on each machine and delete everything of ours. May run twice."""
        outcomes = self._runs.run(Work("remove_agents.yml", _for_removal, with_private_folder), requests, on_progress)
        return [judge(each.target, outcomes[host_name(each.target)], self._slugs) for each in requests]

    def _for_deploy(self, requests: Sequence[DeployRequest], luggage: Luggage | None) -> Inventory:
        programs = {}
        for system in {request.target.system for request in requests}:
            found = self._find(system).installables()
            programs[system] = [each if luggage is None else _take_along(luggage, system, each) for each in found]
        return build_deploy_inventory(
            requests,
            Installation(programs, _token()),
            {host_name(request.target): read_authorities(bucket_of(request.setup).ca_file) for request in requests},
        )

    def _find(self, system: OperatingSystem) -> AgentPrograms:
        if system is OperatingSystem.LINUX and self._programs is not None:
            return self._programs
        return AgentPrograms.find(system)


def _take_along(luggage: Luggage, system: OperatingSystem, program: Installable) -> Installable:
    name = f"{system.value}/{program.name}"
    # The role for Linux reads no program in check mode.
    if luggage.is_for_look and system is OperatingSystem.LINUX:
        return replace(program, path=luggage.place(name))
    return replace(program, path=luggage.take_program(program.path, name, program.sha256))


def _for_removal(requests: Sequence[RemoveRequest], _luggage: Luggage | None) -> Inventory:
    return build_remove_inventory([request.target for request in requests], _token())


def judge(target: Target, outcome: HostOutcome, slugs: Mapping[str, str]) -> DeployResult:
    """Return the result on a machine, in words for an operator. Pure."""

    def explain_refusal(outcome: HostOutcome) -> ExpectedError | None:
        if outcome.failed_task != LOOK:
            return None
        return explain_look(target.slug, target.machine, outcome.reason, slugs)

    return verdict.judge(target, outcome, explain_refusal)


def _token() -> str:
    return secrets.token_hex(8)
