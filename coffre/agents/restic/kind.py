"""`agent: restic`: coffre-agent and restic on a machine, with a bucket of its own, signed orders and a repository."""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import coffre
from coffre import toolchain
from coffre.agents.authorities import read_authorities
from coffre.agents.driver import (
    AgentBuild,
    AgentConfiguration,
    Agents,
    AgentSetup,
    Heard,
    OrderedProgram,
    Reach,
    RunClock,
)
from coffre.agents.home import AgentHome, AgentOwner
from coffre.agents.reach.ssh import SshMachine
from coffre.agents.report import Report
from coffre.agents.restic.agents import ResticAgents
from coffre.agents.restic.backup_run import start_and_wait
from coffre.agents.restic.inventory import bucket_of, render_credentials, render_settings
from coffre.agents.restic.owner import refuse_another
from coffre.agents.restic.programs import RESTIC, AgentPrograms
from coffre.agents.restic.repository.format import ResticFormat
from coffre.spec.tenant import Machine, OperatingSystem, PullConnection, SshConnection, WinrmConnection

_WAYS: Mapping[OperatingSystem, type[SshConnection] | type[WinrmConnection]] = {
    OperatingSystem.LINUX: SshConnection,
    OperatingSystem.MACOS: SshConnection,
    OperatingSystem.WINDOWS: WinrmConnection,
}
"""The connection from outside to the agents on machines of each system; any of them can also fetch by itself."""


class ResticKind:
    """Coffre's own kind of agent; implements AgentDriver, and OpenedDriver on every platform with buckets."""

    needs_bucket = True
    takes_orders = True
    scripts = None

    @property
    def repositories(self) -> ResticFormat:
        return ResticFormat()

    def open(self, home: AgentHome) -> "ResticKind":  # noqa: ARG002 - each machine's setup says where its bucket is
        return self

    def gets_to(self, machine: Machine) -> bool:
        return isinstance(machine.connection, _WAYS[machine.os] | PullConnection)

    def list_ordered_programs(self, system: OperatingSystem) -> Mapping[str, OrderedProgram]:
        return {RESTIC: _find_restic(system)}

    def find_build(self, system: OperatingSystem) -> AgentBuild:
        programs = AgentPrograms.find(system)
        agent, restic = (toolchain.sha256_program(path) for path in (programs.agent, programs.restic))
        return AgentBuild(agent, (agent, restic), programs.agent, coffre.__version__)

    def configure(self, setup: AgentSetup) -> AgentConfiguration:
        certificates = read_authorities(bucket_of(setup).ca_file)
        return AgentConfiguration(render_settings(setup), render_credentials(setup), certificates)

    def connect(self, scratch: Path, slugs: Mapping[str, str]) -> Agents:
        return ResticAgents(scratch, slugs=slugs)

    def refuse_another(self, machine: SshMachine, slug: str, wanted: AgentOwner, slugs: Mapping[str, str]) -> None:
        refuse_another(machine, slug, wanted, slugs)

    def back_up(
        self,
        target: AgentOwner,  # noqa: ARG002 - the connection determines the machine
        reach: Reach,
        deadline_seconds: float,
        on_progress: Callable[[str], None],
        clock: RunClock,
    ) -> Report:
        with reach() as machine:
            return start_and_wait(machine, deadline_seconds, on_progress, clock)

    def hear(self, target: AgentOwner) -> Heard:  # noqa: ARG002
        """Return nothing: its machines report everything in their buckets."""
        return Heard()


@cache
def _find_restic(system: OperatingSystem) -> OrderedProgram:
    path = AgentPrograms.find(system).restic
    return OrderedProgram(toolchain.RESTIC_VERSION, toolchain.sha256_program(path), path)
