"""`agent: acronis`: the vendor's agent, without bucket, orders and repository of SMILÉO's."""

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path

from coffre.agents.acronis.agents import AcronisAgents
from coffre.agents.acronis.enrolment import AcronisScripts
from coffre.agents.acronis.hearing import Hearing
from coffre.agents.acronis.owner import refuse_another
from coffre.agents.acronis.settings import AcronisSettings, installer_for, installers_of, settings_of
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
from coffre.errors import RefusedError
from coffre.spec.tenant import Machine, OperatingSystem, PullConnection, SshConnection, WinrmConnection

_WAYS: Mapping[OperatingSystem, type[SshConnection] | type[WinrmConnection]] = {
    OperatingSystem.LINUX: SshConnection,
    OperatingSystem.MACOS: SshConnection,
    OperatingSystem.WINDOWS: WinrmConnection,
}
"""The connection from outside to machines of each system; any of them can also get a script."""


class AcronisKind:
    """The vendor's kind of agent; implements AgentDriver."""

    needs_bucket = False
    takes_orders = False
    repositories = None

    def gets_to(self, machine: Machine) -> bool:
        return isinstance(machine.connection, _WAYS[machine.os] | PullConnection)

    def list_ordered_programs(self, system: OperatingSystem) -> Mapping[str, OrderedProgram]:  # noqa: ARG002
        return {}

    def configure(self, setup: AgentSetup) -> AgentConfiguration:
        raise RefusedError(
            f"{setup.owner.machine}: no machine fetches Acronis' agent from a bucket",
            "A machine that nobody can reach gets an enrolment script.",
        )

    def refuse_another(self, machine: SshMachine, slug: str, wanted: AgentOwner, slugs: Mapping[str, str]) -> None:
        refuse_another(machine, slug, wanted, slugs)

    def open(self, home: AgentHome) -> "OpenedAcronis":
        return OpenedAcronis(home)


class OpenedAcronis:
    """The vendor's agents of one platform; implements OpenedDriver. Its credential is read with the first request."""

    def __init__(self, home: AgentHome) -> None:
        self._home = home

    @cached_property
    def settings(self) -> AcronisSettings:
        """What the platform and the records come to; ExpectedError when the credential cannot be read."""
        return settings_of(self._home)

    @cached_property
    def _hearing(self) -> Hearing:
        return Hearing(self.settings)

    @property
    def scripts(self) -> AcronisScripts:
        return AcronisScripts(self.settings)

    def find_build(self, system: OperatingSystem) -> AgentBuild:
        """Return the chosen installer; that a file is the chosen one is checked before it is sent."""
        installer = installer_for(installers_of(self._home), system)
        return AgentBuild(installer.sha256, (installer.sha256,), version=installer.version)

    def connect(self, scratch: Path, slugs: Mapping[str, str]) -> Agents:
        return AcronisAgents(self.settings, scratch, slugs)

    def back_up(
        self,
        target: AgentOwner,
        reach: Reach,  # noqa: ARG002 - the vendor starts it
        deadline_seconds: float,
        on_progress: Callable[[str], None],
        clock: RunClock,
    ) -> Report:
        return self._hearing.back_up(target, deadline_seconds, on_progress, clock)

    def hear(self, target: AgentOwner) -> Heard:
        return self._hearing.hear(target)
