"""The kinds of agent: only this module knows the driver of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from coffre.agents.driver import AgentDriver, Agents, DeployRequest, DeployResult, OnProgress, RemoveRequest
from coffre.agents.repository import RepositoryFormat
from coffre.agents.restic.kind import ResticKind
from coffre.errors import RefusedError
from coffre.spec.tenant import AgentKind, Machine

DRIVERS: dict[AgentKind, AgentDriver] = {AgentKind.RESTIC: ResticKind()}


def driver_of(machine: Machine) -> AgentDriver:
    """Return the driver of a machine's agent; RefusedError for a kind that Coffre does not drive yet."""
    driver = DRIVERS.get(machine.agent)
    if driver is None:
        raise RefusedError(
            f"`agent: {machine.agent}` is not supported yet", f"It can be: {', '.join(sorted(DRIVERS))}."
        )
    return driver


def why_unsupported(machine: Machine) -> str:
    """Say which part of a machine's entry no agent supports, in the words of the file; empty when all are supported."""
    driver = DRIVERS.get(machine.agent)
    if driver is None:
        return f"`agent: {machine.agent}`"
    if not driver.gets_to(machine):
        return f"`via: {machine.connection.via}` with `os: {machine.os}`"
    return ""


def repositories_of(name: str, machine: Machine) -> RepositoryFormat:
    """Return the format of a machine's repository; RefusedError when SMILÉO can open none."""
    found = driver_of(machine).repositories
    if found is None:
        raise RefusedError(
            f"{name} keeps no repository that SMILÉO can open (`agent: {machine.agent}`)",
            "Use what the agent's own maker gives for it.",
        )
    return found


def with_bucket(machines: Mapping[str, Machine]) -> dict[str, Machine]:
    """Return the machines that have a bucket of their own, by the kind of their agent."""
    return {name: machine for name, machine in machines.items() if driver_of(machine).needs_bucket}


def with_orders(machines: Mapping[str, Machine]) -> dict[str, Machine]:
    """Return the machines whose agents follow signed orders in their bucket."""
    return {name: machine for name, machine in machines.items() if driver_of(machine).takes_orders}


def with_repository(machines: Mapping[str, Machine]) -> dict[str, Machine]:
    """Return the machines whose repository SMILÉO can open."""
    return {name: machine for name, machine in machines.items() if driver_of(machine).repositories is not None}


@dataclass(frozen=True)
class Way:
    """What every kind needs to connect to its agents (see `AgentDriver.connect`), and the progress callback."""

    scratch: Path
    slugs: Mapping[str, str]
    on_progress: OnProgress

    def to(self, kind: AgentKind) -> Agents:
        return DRIVERS[kind].connect(self.scratch, self.slugs)


def deploy(requests: Mapping[AgentKind, Sequence[DeployRequest]], way: Way) -> dict[str, DeployResult]:
    """Install or repair the agents of all kinds; returns the results by machine."""
    done = (way.to(kind).deploy(each, way.on_progress) for kind, each in requests.items() if each)
    return {result.machine: result for results in done for result in results}


def remove(requests: Mapping[AgentKind, Sequence[RemoveRequest]], way: Way) -> dict[str, DeployResult]:
    """Remove the agents of all kinds from their machines; returns the results by machine."""
    done = (way.to(kind).remove(each, way.on_progress) for kind, each in requests.items() if each)
    return {result.machine: result for results in done for result in results}


def list_repository_formats() -> list[RepositoryFormat]:
    """Return every format of repositories, each once."""
    return [each for driver in DRIVERS.values() if (each := driver.repositories) is not None]
