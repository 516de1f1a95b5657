"""Judges what Ansible gave for a machine, in words for an operator, whatever the kind of its agent. Pure."""

from collections.abc import Callable

from coffre.agents.ansible.errors import explain_failure, explain_login, is_known
from coffre.agents.ansible.events import HostOutcome
from coffre.agents.driver import DeployResult, Target
from coffre.agents.reach.bounded_ssh import ENDLESS
from coffre.agents.reach.ssh_errors import Account, explain_ssh
from coffre.agents.reach.winrm_errors import explain_winrm
from coffre.errors import ExpectedError
from coffre.outside.processes import EndlessOutputError
from coffre.spec.tenant import WinrmConnection

ExplainRefusal = Callable[[HostOutcome], ExpectedError | None]
"""Returns the error when a role itself refused the machine; None for any other failure."""

_NO_MEMORY = ("MemoryError", "malloc failure", "Cannot allocate memory")
"""The messages of Python, OpenSSL and the system for a process that has reached its memory limit."""


def judge(target: Target, outcome: HostOutcome, explain_refusal: ExplainRefusal) -> DeployResult:
    """Return the result on a machine, in words for an operator."""
    unreachable, message = outcome.unreachable, outcome.obstacle
    endless = _find_endless(target, outcome)
    if message:
        pass
    elif endless is not None:
        # The machine answers: waiting for it would not help.
        unreachable, message = False, sentence(endless)
    elif not outcome.ok:
        login = None
        if not isinstance(target.connection, WinrmConnection):
            login = explain_login(outcome, Account(target.machine, target.connection.user))
        # Ansible sometimes calls a refused login, or a refused sudo, unreachable and sometimes failed.
        unreachable = login is not None or (unreachable and not is_known(outcome.reason))
        message = sentence(login or _explain(target, outcome, explain_refusal))
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


def _explain(target: Target, outcome: HostOutcome, explain_refusal: ExplainRefusal) -> ExpectedError:
    refusal = explain_refusal(outcome)
    if refusal is not None:
        return refusal
    if outcome.unreachable and isinstance(target.connection, WinrmConnection):
        return explain_winrm(outcome.reason, target.machine)
    if outcome.unreachable and not is_known(outcome.reason):
        return explain_ssh(outcome.reason, target.machine, target.trust_command)
    return explain_failure(outcome, Account(target.machine, target.connection.user))


def sentence(problem: ExpectedError) -> str:
    """Return an error as one text: its cause, then what to do."""
    return f"{problem.message}. {problem.hint}" if problem.hint else problem.message
