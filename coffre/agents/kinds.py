"""The kinds of agent: only this module knows the driver of each."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from coffre.agents.acronis.kind import AcronisKind
from coffre.agents.acronis.statement import STATEMENT as ACRONIS
from coffre.agents.driver import (
    AgentDriver,
    AgentLook,
    Agents,
    DeployRequest,
    DeployResult,
    OnProgress,
    RemoveRequest,
)
from coffre.agents.home import AgentHome
from coffre.agents.repository import RepositoryFormat, RepositoryLayout
from coffre.agents.restic.kind import ResticKind
from coffre.agents.statement import VendorStatement
from coffre.errors import RefusedError
from coffre.spec.storage_platform import HOME_OF_AGENT
from coffre.spec.tenant import AgentKind, Machine

R = TypeVar("R", DeployRequest, RemoveRequest)

DRIVERS: dict[AgentKind, AgentDriver] = {AgentKind.RESTIC: ResticKind(), AgentKind.ACRONIS: AcronisKind()}

STATEMENTS: dict[AgentKind, VendorStatement] = {AgentKind.ACRONIS: ACRONIS}
"""The agents whose vendor runs a service of its own; known without platform.yaml."""


def find_statement(machine: Machine) -> VendorStatement | None:
    """Return what documents state of the vendor of a machine's agent; None for an agent of SMILÉO's own service."""
    return STATEMENTS.get(machine.agent)


def driver_of(machine: Machine) -> AgentDriver:
    """Return the driver of a machine's agent."""
    return DRIVERS[machine.agent]


def why_unsupported(machine: Machine) -> str:
    """Say which part of a machine's entry no agent supports, in the words of the file; empty when all are supported."""
    if not driver_of(machine).gets_to(machine):
        return f"`via: {machine.connection.via}` with `os: {machine.os}`"
    return ""


def repositories_of(name: str, machine: Machine) -> RepositoryFormat:
    """Return the format of a machine's repository; RefusedError when SMILÉO can open none."""
    found = driver_of(machine).repositories
    if found is None:
        statement = find_statement(machine)
        raise RefusedError(
            f"{name} has no repository that SMILÉO can open (`agent: {machine.agent}`)",
            f"{statement.guide} says what to do instead." if statement else "Use the tools of the agent's own vendor.",
        )
    return found


def layout_of(name: str, machine: Machine) -> RepositoryLayout:
    """Return the layout of a machine's repository; RefusedError when SMILÉO can open none."""
    return repositories_of(name, machine).layout


def find_layout(machine: Machine) -> RepositoryLayout | None:
    """Return the layout of a machine's repository; None when SMILÉO can open none."""
    formats = driver_of(machine).repositories
    return formats.layout if formats is not None else None


def with_bucket(machines: Mapping[str, Machine]) -> dict[str, Machine]:
    """Return the machines that have a bucket of their own, by the kind of their agent."""
    return _where(machines, lambda driver: driver.needs_bucket)


def with_orders(machines: Mapping[str, Machine]) -> dict[str, Machine]:
    """Return the machines whose agents follow signed orders in their bucket."""
    return _where(machines, lambda driver: driver.takes_orders)


def with_repository(machines: Mapping[str, Machine]) -> dict[str, Machine]:
    """Return the machines whose repository SMILÉO can open."""
    return _where(machines, lambda driver: driver.repositories is not None)


def _where(machines: Mapping[str, Machine], has: Callable[[AgentDriver], bool]) -> dict[str, Machine]:
    return {name: machine for name, machine in machines.items() if has(driver_of(machine))}


HomeOf = Callable[[AgentKind, str], AgentHome]
"""Returns the platform that agents of a kind back up to, for the tenant with this id."""


@dataclass(frozen=True)
class Way:
    """What every kind needs to connect to its agents (see `OpenedDriver.connect`), and the progress callback."""

    scratch: Path
    slugs: Mapping[str, str]
    on_progress: OnProgress
    home_of: HomeOf


def deploy(machines: Mapping[str, Machine], requests: Iterable[DeployRequest], way: Way) -> dict[str, DeployResult]:
    """Install or repair the agents of these machines, kind by kind; returns the results by machine."""
    sorted_out = _by_kind(((machines[each.target.machine].agent, each) for each in requests), way)
    done = (agents.deploy(each, way.on_progress) for agents, each in sorted_out)
    return {result.machine: result for results in done for result in results}


def look(requests: Iterable[tuple[AgentKind, DeployRequest]], way: Way) -> dict[tuple[str, str], AgentLook]:
    """Tell what a deployment would change on machines, of any tenants; returns the looks by slug and machine."""
    looks = (agents.look(each, way.on_progress) for agents, each in _by_kind(requests, way))
    return {(each.slug, each.machine): each for seen in looks for each in seen}


def remove(machines: Mapping[str, Machine], requests: Iterable[RemoveRequest], way: Way) -> dict[str, DeployResult]:
    """Remove the agents of these machines, kind by kind; returns the results by machine."""
    sorted_out = _by_kind(((machines[each.target.machine].agent, each) for each in requests), way)
    done = (agents.remove(each, way.on_progress) for agents, each in sorted_out)
    return {result.machine: result for results in done for result in results}


def _by_kind(requests: Iterable[tuple[AgentKind, R]], way: Way) -> Iterator[tuple[Agents, list[R]]]:
    """Yield the agents of each kind with the requests for them; those of a vendor's kind by its platform, too."""
    found: dict[tuple[AgentKind, str], list[tuple[AgentHome, R]]] = {}
    for kind, request in requests:
        home = way.home_of(kind, request.target.tenant_id)
        found.setdefault((kind, home.name if kind in HOME_OF_AGENT else ""), []).append((home, request))
    for (kind, _), each in found.items():
        opened = DRIVERS[kind].open(_merge({request.target.tenant_id: home for home, request in each}))
        yield opened.connect(way.scratch, way.slugs), [request for _, request in each]


def _merge(homes: Mapping[str, AgentHome]) -> AgentHome:
    """Return one platform for several tenants, by their ids."""
    return replace(next(iter(homes.values())), find=lambda owner: homes[owner.tenant_id].find(owner))


def list_repository_formats() -> list[RepositoryFormat]:
    """Return every format of repositories, each once."""
    return [each for driver in DRIVERS.values() if (each := driver.repositories) is not None]
