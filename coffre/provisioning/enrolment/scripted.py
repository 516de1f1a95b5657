"""Machines that nobody can reach, with an agent without a bucket: a script installs it (`via: pull`)."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

from coffre.agents.driver import AgentScripts, DeployResult
from coffre.agents.home import AgentOwner, EnrolmentScript
from coffre.errors import ExpectedError, RefusedError
from coffre.operations.acknowledge.acknowledge import check_reason
from coffre.provisioning.enrolment.standing import (
    EnrolmentStage,
    EnrolmentStanding,
    find_invitation,
    judge_stage,
    refuse_not_enrolling,
)
from coffre.provisioning.terms.context import refuse_for_a_part
from coffre.provisioning.terms.done import MachineOutcome, MachineState
from coffre.records.facts.enrolment import EnrolmentInvited, EnrolmentRevoked
from coffre.secrets.store import OnNotice
from coffre.spec.loader import Checkout
from coffre.spec.tenant import AgentKind, PullConnection
from coffre.tenant.estate.agents import find_deployed
from coffre.tenant.opening import OpenTenant
from coffre.tenant.runs import lock_recorded
from coffre.workspace.clock import utc_now


@dataclass(frozen=True)
class Scripted:
    """A new script; ``replaces``: an earlier one was still usable, and is ended."""

    machine: str
    script: EnrolmentScript = field(repr=False)
    replaces: bool


def make_script(checkout: Checkout, slug: str, machine: str, hours: int, on_notice: OnNotice) -> Scripted:
    """Make the script of a machine; recorded before it is handed out. An earlier one that was not used is ended.

    RefusedError for a machine that needs none.
    """
    with lock_recorded(checkout, slug, "enrol", on_notice) as found:
        opened = found.as_arrived
        scripts, owner = _open_scripts(opened, machine), AgentOwner(opened.tenant.id, machine)
        refuse_not_enrolling(opened.tenant, machine)
        refuse_for_a_part(opened)
        open_one = _find_open(opened, machine)
        if open_one is not None:
            scripts.end_script(owner, open_one.invitation)
        script = scripts.make_script(slug, owner, opened.machine(machine).os, timedelta(hours=hours))
        opened.log.append(EnrolmentInvited(script.token_id, script.expires_at, needs_confirmation=False), machine)
        return Scripted(machine, script, open_one is not None)


def revoke_script(checkout: Checkout, slug: str, machine: str, reason: str, on_notice: OnNotice) -> None:
    """End a script that was not used. RefusedError when there is none."""
    check_reason(reason)
    with lock_recorded(checkout, slug, "enrol", on_notice) as found:
        opened = found.as_arrived
        scripts, open_one = _open_scripts(opened, machine), _find_open(opened, machine)
        if open_one is None:
            raise RefusedError(f"{slug}/{machine} has no usable script", "There is nothing to revoke.")
        scripts.end_script(AgentOwner(opened.tenant.id, machine), open_one.invitation)
        opened.log.append(EnrolmentRevoked(open_one.invitation, reason), machine)


def look_at_script(opened: OpenTenant, machine: str) -> EnrolmentStanding:
    """Return how far a machine is by the records: `coffre apply` sees whether its agent is there."""
    stage = judge_stage(opened.log, machine, utc_now())
    if find_deployed(opened.log, machine, opened.as_arrived.machine(machine).agent) is not None:
        stage = EnrolmentStage.ENROLLED
    elif stage is EnrolmentStage.ENROLLED:  # with the agent before, which claimed its configuration
        stage = EnrolmentStage.NOT_INVITED
    return EnrolmentStanding(machine, stage, find_invitation(opened.log, machine))


def find_enrolled(opened: OpenTenant, scripts: AgentScripts, machine: str) -> DeployResult | MachineOutcome:
    """Return the agent that a machine got by its script, or the machine's state as long as there is none."""
    slug, invited = opened.tenant.slug, opened.log.last(EnrolmentInvited, machine)
    is_known = find_deployed(opened.log, machine, opened.machine(machine).agent) is not None
    if invited is None and not is_known:
        return _needs_script(slug, machine)
    since = utc_now() if invited is None else invited.at
    try:
        found = replace(scripts.find_enrolled(AgentOwner(opened.tenant.id, machine), since), slug=slug)
    except ExpectedError as problem:
        return MachineOutcome(machine, MachineState.FAILED, f"{problem.message}. {problem.hint}")
    if not found.unreachable:
        return found
    if judge_stage(opened.log, machine, utc_now()) is EnrolmentStage.INVITED:
        return MachineOutcome(machine, MachineState.AWAITED, found.message)
    return _needs_script(slug, machine)


def forget_scripted(opened: OpenTenant, machine: str, kind: AgentKind | None = None) -> DeployResult | None:
    """Take the agent of a machine that nobody can reach from its vendor; None where its kind is not of that sort.

    The machine keeps the software, which backs nothing up any more. ``kind`` is that of a former agent.
    """
    if not isinstance(opened.machine(machine).connection, PullConnection):
        return None
    scripts = opened.agents.open_kind(kind or opened.machine(machine).agent).scripts
    if scripts is None:
        return None
    try:
        was_there = scripts.forget_unreached(AgentOwner(opened.tenant.id, machine))
    except ExpectedError as problem:
        return DeployResult(opened.tenant.slug, machine, False, False, False, f"{problem.message}. {problem.hint}")
    return DeployResult(opened.tenant.slug, machine, ok=True, changed=was_there, unreachable=False)


def _needs_script(slug: str, machine: str) -> MachineOutcome:
    why = f"it is not enrolled. Run `coffre enrol {slug} {machine} --output FOLDER`"
    return MachineOutcome(machine, MachineState.PENDING, why)


def _find_open(opened: OpenTenant, machine: str) -> EnrolmentInvited | None:
    """Return the script that a machine may still use."""
    standing = look_at_script(opened, machine)
    return standing.invitation if standing.stage is EnrolmentStage.INVITED else None


def _open_scripts(opened: OpenTenant, machine: str) -> AgentScripts:
    scripts = opened.agents.open(machine).scripts
    assert scripts is not None  # noqa: S101 - asked of kinds without a bucket only
    return scripts
