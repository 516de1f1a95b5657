"""The restic agents: installed and removed over SSH or WinRM by Ansible."""

import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from coffre.agents.ansible.connection import Inventory, host_name
from coffre.agents.ansible.errors import explain_failure, explain_login, is_known
from coffre.agents.ansible.events import HostOutcome
from coffre.agents.ansible.runner import run_playbook
from coffre.agents.authorities import read_authorities
from coffre.agents.driver import AgentLook, DeployRequest, DeployResult, OnProgress, RemoveRequest, Target
from coffre.agents.reach.bounded_ssh import ENDLESS
from coffre.agents.reach.ssh_errors import Account, explain_ssh
from coffre.agents.reach.winrm_errors import explain_winrm
from coffre.agents.restic.inventory import (
    Installation,
    bucket_of,
    build_deploy_inventory,
    build_remove_inventory,
    with_private_folder,
)
from coffre.agents.restic.look import judge_look
from coffre.agents.restic.owner import LOOK, explain_look
from coffre.agents.restic.programs import AGENT, RESTIC, AgentPrograms
from coffre.errors import ExpectedError
from coffre.outside.processes import EndlessOutputError
from coffre.spec.tenant import OperatingSystem, WinrmConnection

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
        self._scratch = scratch
        self._slugs = slugs or {}
        self._programs = programs

    def deploy(self, requests: Sequence[DeployRequest], on_progress: OnProgress) -> list[DeployResult]:
        """Install or repair the agent on each machine and make it apply its orders. May run twice."""
        return self._play(DEPLOY, self._inventory(requests), [request.target for request in requests], on_progress)

    def look(self, requests: Sequence[DeployRequest], on_progress: OnProgress) -> list[AgentLook]:
        """Tell what `deploy` would change on each machine, by the same playbook."""
        targets = [request.target for request in requests]
        outcomes = self._run(DEPLOY, self._inventory(requests), targets, on_progress, only_looks=True)
        seen = [(target, outcomes[host_name(target)]) for target in targets]
        return [
            judge_look(judge(target, outcome, self._slugs), outcome.agent_changes, outcome.agent_additions)
            for target, outcome in seen
        ]

    def remove(self, requests: Sequence[RemoveRequest], on_progress: OnProgress) -> list[DeployResult]:
        """Stop the agent on each machine and delete everything of ours. May run twice."""
        targets = [request.target for request in requests]
        return self._play("remove_agents.yml", build_remove_inventory(targets, _token()), targets, on_progress)

    def _inventory(self, requests: Sequence[DeployRequest]) -> Inventory:
        systems = {request.target.system for request in requests}
        return build_deploy_inventory(
            requests,
            Installation({system: self._find(system).installables() for system in systems}, _token()),
            {host_name(request.target): read_authorities(bucket_of(request.setup).ca_file) for request in requests},
        )

    def _find(self, system: OperatingSystem) -> AgentPrograms:
        if system is OperatingSystem.LINUX and self._programs is not None:
            return self._programs
        return AgentPrograms.find(system)

    def _play(
        self, playbook: str, inventory: Inventory, targets: Sequence[Target], on_progress: OnProgress
    ) -> list[DeployResult]:
        outcomes = self._run(playbook, inventory, targets, on_progress)
        return [judge(target, outcomes[host_name(target)], self._slugs) for target in targets]

    def _run(
        self,
        playbook: str,
        inventory: Inventory,
        targets: Sequence[Target],
        on_progress: OnProgress,
        *,
        only_looks: bool = False,
    ) -> dict[str, HostOutcome]:
        if not targets:
            return {}
        machines = {host_name(target): target.machine for target in targets}
        return run_playbook(
            playbook,
            inventory,
            self._scratch,
            lambda host, task: on_progress(machines.get(host, host), task),
            with_folder=with_private_folder,
            only_looks=only_looks,
        )


_NO_MEMORY = ("MemoryError", "malloc failure", "Cannot allocate memory")
"""The messages of Python, OpenSSL and the system for a process that has reached its memory limit."""


def judge(target: Target, outcome: HostOutcome, slugs: Mapping[str, str]) -> DeployResult:
    """Return the result on a machine, in words for an operator. Pure."""
    unreachable, message = outcome.unreachable, ""
    endless = _find_endless(target, outcome)
    if endless is not None:
        # The machine answers: waiting for it would not help.
        unreachable, message = False, _sentence(endless)
    elif not outcome.ok:
        login = None
        if not isinstance(target.connection, WinrmConnection):
            login = explain_login(outcome, Account(target.machine, target.connection.user))
        # Ansible sometimes calls a refused login, or a refused sudo, unreachable and sometimes failed.
        unreachable = login is not None or (unreachable and not is_known(outcome.reason))
        message = _sentence(login or _explain(target, outcome, slugs))
    return DeployResult(
        slug=target.slug,
        machine=target.machine,
        ok=outcome.ok,
        changed=bool(outcome.changes),
        unreachable=unreachable,
        message=message,
        changes=outcome.changes,
        agent_version=outcome.agent_version,
        identity=outcome.identity,
    )


def _find_endless(target: Target, outcome: HostOutcome) -> EndlessOutputError | None:
    """Return the error when a machine was left because it printed, or answered, more than any honest one."""
    name, where = target.machine, "the programs on it that Coffre calls"
    if ENDLESS in outcome.reason:
        where = f"the login shell of {target.connection.user}, sudo and sshd on it"
    elif not any(sign in outcome.reason for sign in _NO_MEMORY):
        return None
    return EndlessOutputError(
        f"{name}: it printed without end and was stopped", f"A sound machine does not do that: check {where}."
    )


def _explain(target: Target, outcome: HostOutcome, slugs: Mapping[str, str]) -> ExpectedError:
    if outcome.failed_task == LOOK:
        return explain_look(target.slug, target.machine, outcome.reason, slugs)
    if outcome.unreachable and isinstance(target.connection, WinrmConnection):
        return explain_winrm(outcome.reason, target.machine)
    if outcome.unreachable and not is_known(outcome.reason):
        return explain_ssh(outcome.reason, target.machine, target.trust_command)
    return explain_failure(outcome, Account(target.machine, target.connection.user))


def _sentence(problem: ExpectedError) -> str:
    return f"{problem.message}. {problem.hint}" if problem.hint else problem.message


def _token() -> str:
    return secrets.token_hex(8)
