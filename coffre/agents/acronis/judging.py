"""Decides what a machine's agent needs, from what the machine and the vendor say of it. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import Enum
from typing import TypeVar

from coffre.acronis.errors import AmbiguousError
from coffre.acronis.identifiers import AgentId
from coffre.acronis.values.agents import Agent
from coffre.agents.acronis.facts import MachineFacts, Note
from coffre.agents.acronis.settings import MachineTerms, PinnedInstaller
from coffre.agents.driver import AgentDrift, AgentPart

_Item = TypeVar("_Item")


class Step(Enum):
    """What is to be done on a machine itself."""

    NOTHING = "nothing"
    START = "start"
    """The agent is there and registered, and does not run, or does not reach the vendor."""
    REGISTER = "register"
    """The agent is there, and the customer does not have it."""
    INSTALL = "install"
    """The agent is not there, or older than the chosen installer."""


def find_agent(agents: Sequence[Agent], facts: MachineFacts, terms: MachineTerms) -> Agent | None:
    """Return the agent of a machine among its customer's: the recorded one, the noted one, else the one of its name.

    A name counts only where the agent is installed: else the vendor still lists one that is gone. AmbiguousError when
    several agents have the name and it cannot be told which one runs.
    """
    by_id = {each.id: each for each in agents}
    noted = facts.note.agent_id if facts.note is not None else None
    for known in (terms.known_agent, noted):
        if known is not None and known in by_id:
            return by_id[known]
    if not facts.is_installed:
        return None
    named = [each for each in agents if is_of_host(each, facts)]
    running = [each for each in named if each.online] if len(named) > 1 else named
    if len(running) > 1 or (named and not running):
        raise AmbiguousError(
            f"the customer has {len(named)} agents named {facts.host_name} at Acronis",
            "Delete in the vendor's portal those of machines that are gone, and give every machine a name of its own.",
        )
    return running[0] if running else None


def is_of_host(agent: Agent, facts: MachineFacts) -> bool:
    """Tell whether an agent has a machine's name, with or without its domain."""
    names = [name.lower() for name in (agent.hostname, facts.host_name)]
    if not all(names):
        return False
    return names[0] == names[1] or names[0].partition(".")[0] == names[1].partition(".")[0]


def number_of(agent: Agent) -> tuple[int, ...] | None:
    """Return the version of an agent in the order of versions; None when the vendor does not tell it."""
    current = agent.installer_version.current if agent.installer_version is not None else None
    return None if current is None else current.parts


def version_of(agent: Agent) -> str:
    """Return the version of an agent in words, "" when the vendor does not tell it."""
    current = agent.installer_version.current if agent.installer_version is not None else None
    return str(current) if current is not None else agent.version


def is_older(agent: Agent, installer: PinnedInstaller) -> bool:
    """Tell whether an agent is older than the chosen installer. Newer ones stay: the vendor updates them itself."""
    number = number_of(agent)
    return number is not None and number < installer.number


def choose_step(facts: MachineFacts, agent: Agent | None, installer: PinnedInstaller) -> Step:
    """Return what is to be done on a machine."""
    if not facts.is_installed:
        return Step.INSTALL
    if agent is None:
        return Step.REGISTER
    if is_older(agent, installer):
        return Step.INSTALL
    return Step.NOTHING if agent.online and not facts.stopped else Step.START


def find_arrived(
    now: Sequence[Agent],
    before: Mapping[AgentId, Agent],
    facts: MachineFacts,
    known: Agent | None,
    least: PinnedInstaller,
) -> Agent | None:
    """Return the agent with which a machine is online after the work on it; None when the vendor has none yet.

    One that registered since counts first, by the machine's name; an agent that was there before counts where its
    software was there before. AmbiguousError when two machines of this name registered at the same time.
    """
    online = [each for each in now if each.online and not is_older(each, least)]
    new = [each for each in online if is_of_host(each, facts) and _is_new(each, before)]
    if len(new) > 1:
        raise AmbiguousError(
            f"{len(new)} machines named {facts.host_name} registered with the customer at the same time",
            "Give every machine a name of its own, and run the same command again.",
        )
    if new:
        return new[0]
    if known is None or not facts.is_installed:
        return None
    return next((each for each in online if each.id == known.id), None)


def _is_new(agent: Agent, before: Mapping[AgentId, Agent]) -> bool:
    known = before.get(agent.id)
    return known is None or known.registration_date != agent.registration_date


def list_drift(
    facts: MachineFacts,
    agent: Agent | None,
    installer: PinnedInstaller,
    *,
    has_plan: bool,
    note: Note,
) -> tuple[AgentDrift, ...]:
    """Return everything about a machine that a deployment would change; ``note`` is the one that it should have."""
    if not facts.is_installed:
        return (AgentDrift(AgentPart.PROGRAMS, "missing"),)
    if agent is None:
        return (AgentDrift(AgentPart.CONFIGURATION, "not registered"),)
    drift = []
    if is_older(agent, installer):
        drift.append(AgentDrift(AgentPart.PROGRAMS, f"{version_of(agent)} -> {installer.version}"))
    drift += [AgentDrift(AgentPart.SCHEDULE_OFF, each) for each in facts.stopped]
    if not agent.online:
        drift.append(AgentDrift(AgentPart.STATE, "offline"))
    if not has_plan:
        drift.append(AgentDrift(AgentPart.SCHEDULE, "plan not applied"))
    if facts.note != note:
        drift.append(AgentDrift(AgentPart.CONFIGURATION, "note"))
    return tuple(drift)


def in_batches(items: Iterable[tuple[Collection[str], _Item]], size: int) -> list[list[_Item]]:
    """Return items in batches of at most ``size``, those with a common mark never in the same one, in their order."""
    batches: list[tuple[set[str], list[_Item]]] = []
    for marks, item in items:
        for taken, batch in batches:
            if len(batch) < size and not taken & set(marks):
                taken |= set(marks)
                batch.append(item)
                break
        else:
            batches.append((set(marks), [item]))
    return [batch for _, batch in batches]
