"""The restic agents: installed and removed over SSH or WinRM by Ansible."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

from coffre.agents.ansible.connection import Inventory, host_name
from coffre.agents.ansible.errors import explain_failure, explain_login, is_known
from coffre.agents.ansible.events import HostOutcome
from coffre.agents.ansible.runner import OnTask, run_playbook
from coffre.agents.authorities import read_authorities
from coffre.agents.driver import AgentLook, DeployRequest, DeployResult, OnProgress, RemoveRequest, Target
from coffre.agents.reach.bounded_ssh import ENDLESS
from coffre.agents.reach.ssh_errors import Account, explain_ssh
from coffre.agents.reach.winrm_errors import explain_winrm
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
from coffre.agents.sites.job import Job, Luggage
from coffre.agents.sites.running import SiteRun
from coffre.agents.sites.together import one_at_a_time, run_together
from coffre.errors import ExpectedError
from coffre.outside.processes import EndlessOutputError
from coffre.spec.tenant import OperatingSystem, WinrmConnection
from coffre.workspace import fence

DEPLOY = "deploy_agents.yml"
__all__ = ["AGENT", "RESTIC", "AgentPrograms", "ResticAgents", "judge"]


R = TypeVar("R", DeployRequest, RemoveRequest)


@dataclass(frozen=True)
class _Work(Generic[R]):
    """A playbook, and the inventory for it; the luggage takes the files that must travel, None for a run here."""

    playbook: str
    inventory_of: Callable[[Sequence[R], Luggage | None], Inventory]
    only_looks: bool = False


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
        outcomes = self._run(_Work(DEPLOY, self._for_deploy), requests, on_progress)
        return [judge(each.target, outcomes[host_name(each.target)], self._slugs) for each in requests]

    def look(self, requests: Sequence[DeployRequest], on_progress: OnProgress) -> list[AgentLook]:
        """Tell what `deploy` would change on each machine, by the same playbook."""
        outcomes = self._run(_Work(DEPLOY, self._for_deploy, only_looks=True), requests, on_progress)
        seen = [(each.target, outcomes[host_name(each.target)]) for each in requests]
        return [
            judge_look(judge(target, outcome, self._slugs), outcome.agent_changes, outcome.agent_additions)
            for target, outcome in seen
        ]

    def remove(self, requests: Sequence[RemoveRequest], on_progress: OnProgress) -> list[DeployResult]:
        """Stop the agent on each machine and delete everything of ours. May run twice."""
        outcomes = self._run(_Work("remove_agents.yml", _for_removal), requests, on_progress)
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

    def _run(self, work: _Work[R], requests: Sequence[R], on_progress: OnProgress) -> dict[str, HostOutcome]:
        """Run a playbook here for the machines that this computer reaches, and on each site's node for its own."""
        if not requests:
            return {}
        names = {host_name(each.target): each.target.machine for each in requests}
        on_task = one_at_a_time(lambda host, task: on_progress(names.get(host, host), task))
        by_site: dict[str | None, list[R]] = {}
        for each in requests:
            by_site.setdefault(each.target.site.name if each.target.site is not None else None, []).append(each)
        at_home = by_site.pop(None, [])
        fence.check()
        return run_together(
            lambda: self._run_here(work, at_home, on_task),
            [self._send(work, each, on_task) for each in by_site.values()],
        )

    def _run_here(self, work: _Work[R], requests: Sequence[R], on_task: OnTask) -> dict[str, HostOutcome]:
        if not requests:
            return {}
        return run_playbook(
            work.playbook,
            work.inventory_of(requests, None),
            self._scratch,
            on_task,
            with_folder=with_private_folder,
            only_looks=work.only_looks,
        )

    def _send(self, work: _Work[R], requests: Sequence[R], on_task: OnTask) -> SiteRun:
        luggage, site = Luggage(is_for_look=work.only_looks), requests[0].target.site
        assert site is not None  # noqa: S101 - these have one
        moved = [replace(each, target=luggage.take_target(each.target)) for each in requests]
        inventory = with_private_folder(work.inventory_of(moved, luggage), luggage.mark)
        return SiteRun(site, Job(work.playbook, inventory, luggage, work.only_looks), self._scratch, on_task)


def _take_along(luggage: Luggage, system: OperatingSystem, program: Installable) -> Installable:
    name = f"{system.value}/{program.name}"
    # The role for Linux reads no program in check mode.
    if luggage.is_for_look and system is OperatingSystem.LINUX:
        return replace(program, path=luggage.place(name))
    return replace(program, path=luggage.take_program(program.path, name, program.sha256))


def _for_removal(requests: Sequence[RemoveRequest], _luggage: Luggage | None) -> Inventory:
    return build_remove_inventory([request.target for request in requests], _token())


_NO_MEMORY = ("MemoryError", "malloc failure", "Cannot allocate memory")
"""The messages of Python, OpenSSL and the system for a process that has reached its memory limit."""


def judge(target: Target, outcome: HostOutcome, slugs: Mapping[str, str]) -> DeployResult:
    """Return the result on a machine, in words for an operator. Pure."""
    unreachable, message = outcome.unreachable, outcome.obstacle
    endless = _find_endless(target, outcome)
    if message:
        pass
    elif endless is not None:
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
