"""A machine that moves to another agent: the old one goes once the new one has a good backup. Its backups stay."""

from collections.abc import Mapping
from dataclasses import replace

from coffre.agents import kinds
from coffre.agents.driver import DeployResult, RemoveRequest
from coffre.agents.kinds import driver_of
from coffre.observation.sighting import look
from coffre.provisioning.enrolment.scripted import forget_scripted
from coffre.provisioning.steps.agents import deploy, target_of, way_to_agents
from coffre.provisioning.steps.retirement import ask_its_word
from coffre.provisioning.terms.context import Context
from coffre.provisioning.terms.done import Escrowed, MachineOutcome, MachineState
from coffre.records.facts.agents import Removal
from coffre.spec.parts import leaves_bucket
from coffre.spec.tenant import AgentKind, PullConnection
from coffre.tenant.estate.agents import find_installation, list_former_agents

_QUIET = (MachineState.UNCHANGED, MachineState.RENEWED)


def is_former_due(at: Context, name: str) -> bool:
    """Tell whether a machine needs its former agent no more: it is retired, or its new agent has a good backup.

    A good backup is a successful run of the new agent whose snapshot is in the bucket. Where the new agent has no
    bucket, its vendor said so (`terms/arrivals`): until then the machine is in hand of the agent before.
    """
    opened, machine = at.opened, at.opened.machine(name)
    if machine.is_retired or leaves_bucket(machine):
        return True
    installed = find_installation(opened.log, name, machine.agent)
    if installed is None or not driver_of(machine).needs_bucket or not at.existing.has(name):
        return False
    seen = look(opened.tenant, opened.buckets, opened.secrets, opened.memory, name)
    success = seen.reported.success
    if success is None or success.finished_at < installed.at.replace(microsecond=0):
        return False
    return success.snapshot_id in seen.stored.snapshots and not seen.others


def remove_former_agents(at: Context, outcomes: tuple[MachineOutcome, ...]) -> tuple[MachineOutcome, ...]:
    """Remove the former agents that are due, record it, and return the outcomes with what came of it. May run twice."""
    former = list_former_agents(at.tenant, at.opened.log)
    due = {name: kind for name, kind in former.items() if is_former_due(at, name)}
    for kind in sorted(set(due.values())):
        results = _remove(at, [name for name, each in due.items() if each is kind], kind)
        for name, result in results.items():
            if result.ok:
                at.opened.log.append(Removal(result.changed, kind.value), name)
        outcomes = tuple(_judge(each, results, kind) for each in outcomes)
    return outcomes


def _remove(at: Context, names: list[str], kind: AgentKind) -> dict[str, DeployResult]:
    opened = at.opened
    for name in names:
        at.on_progress(f"{name}: removing its former agent ({kind.value})")
    results: dict[str, DeployResult] = {}
    requests = []
    for name in names:
        if isinstance(opened.machine(name).connection, PullConnection):
            results[name] = forget_scripted(opened, name, kind) or ask_its_word(opened, name)
        else:
            target = target_of(opened.tenant, opened.checkout, opened.platform, opened.secrets, name)
            requests.append(RemoveRequest(target))
    machines = {name: opened.machine(name).model_copy(update={"agent": kind}) for name in names}
    return results | kinds.remove(machines, requests, way_to_agents(opened, at.on_progress))


def _judge(outcome: MachineOutcome, results: Mapping[str, DeployResult], kind: AgentKind) -> MachineOutcome:
    result = results.get(outcome.machine)
    if result is None or not outcome.is_complete:
        return outcome
    if result.ok:
        is_quiet = outcome.state in _QUIET
        return replace(outcome, state=MachineState.UPDATED) if is_quiet else outcome
    why = f"its former agent ({kind.value}) was not removed: {result.message.removeprefix(f'{outcome.machine}: ')}"
    state = MachineState.PENDING if result.unreachable else MachineState.FAILED
    return MachineOutcome(outcome.machine, state, why, outcome.retired)


def list_waiting(at: Context) -> list[str]:
    """Return the machines whose former agent stays until the new one has a good backup."""
    former = list_former_agents(at.tenant, at.opened.log)
    return [*at.tenant.arriving, *(name for name in former if not is_former_due(at, name))]


def deploy_arriving(
    at: Context, escrowed: Escrowed, outcomes: tuple[MachineOutcome, ...]
) -> tuple[MachineOutcome, ...]:
    """Install the agents that arrive on machines that move, beside the ones before, and return the outcomes of both."""
    names = [each.machine for each in outcomes if each.machine in at.tenant.arriving]
    if not names or at.unseen:  # nobody moves while a part does not answer
        return outcomes
    arrived = deploy(at.opened.as_arrived, escrowed, dict.fromkeys(names), at.on_progress, only=names)
    of_new = {each.machine: each for each in arrived}
    return tuple(_join(each, of_new[each.machine]) if each.machine in of_new else each for each in outcomes)


def _join(before: MachineOutcome, new: MachineOutcome) -> MachineOutcome:
    """Return what came of a machine with two agents: the one that is not well, else the one that was changed."""
    if not before.is_complete:
        return before
    is_quiet = new.is_complete and new.state in _QUIET
    return before if is_quiet else new
