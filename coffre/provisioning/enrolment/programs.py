"""The agent's program for a machine that nobody can reach: a delivery names it, and the machine replaces its own."""

from dataclasses import dataclass

import semver

from coffre.orders.deliveries import AgentProgram
from coffre.tenant.opening import OpenTenant


@dataclass(frozen=True)
class RunningAgent:
    """The agent that a machine says it runs: hostile. ``sha256`` is empty for one that takes no program."""

    sha256: str
    version: str


def offer_program(opened: OpenTenant, name: str, runs: RunningAgent) -> AgentProgram | None:
    """Return the program that a machine is to run, and have it where the machine finds it.

    None for an agent that takes none, and for one of a later version than this computer has: nothing older is offered.
    """
    machine = opened.machine(name)
    program = choose_program(opened, name, runs)
    if program is not None and program.sha256 != runs.sha256:
        path = opened.agents.open(name).find_build(machine.os).agent
        assert path is not None  # noqa: S101 - a kind without one offers no program
        opened.storage.publish_program(path, program.sha256)
    return program


def choose_program(opened: OpenTenant, name: str, runs: RunningAgent) -> AgentProgram | None:
    """Return the same, and change nothing."""
    if not runs.sha256:
        return None
    build = opened.agents.open(name).find_build(opened.machine(name).os)
    if build.agent is None or is_later(runs.version, build.version):
        return None
    return AgentProgram(build.version, build.agent_sha256, build.agent.stat().st_size)


def is_later(version: str, than: str) -> bool:
    """Tell whether a version is later than another; False where one of them is no version. Pure."""
    if not (semver.Version.is_valid(version) and semver.Version.is_valid(than)):
        return False
    return semver.Version.parse(version) > semver.Version.parse(than)
