"""`agent: acronis`: the vendor's agent, without bucket, orders and repository of SMILÉO's."""

from collections.abc import Callable, Mapping
from pathlib import Path

from coffre.agents.acronis.agents import AcronisAgents
from coffre.agents.acronis.hearing import Hearing
from coffre.agents.acronis.owner import refuse_another
from coffre.agents.acronis.settings import AcronisSettings
from coffre.agents.driver import (
    AgentBuild,
    AgentConfiguration,
    AgentOwner,
    Agents,
    AgentSetup,
    Heard,
    OrderedProgram,
    Reach,
    RunClock,
)
from coffre.agents.reach.ssh import SshMachine
from coffre.agents.report import Report
from coffre.errors import RefusedError
from coffre.spec.tenant import Machine, OperatingSystem, SshConnection, WinrmConnection

_WAYS: Mapping[OperatingSystem, type[SshConnection] | type[WinrmConnection]] = {
    OperatingSystem.LINUX: SshConnection,
    OperatingSystem.MACOS: SshConnection,
    OperatingSystem.WINDOWS: WinrmConnection,
}


class AcronisKind:
    """The vendor's kind of agent; implements AgentDriver."""

    needs_bucket = False
    takes_orders = False
    repositories = None

    def __init__(self, settings: AcronisSettings) -> None:
        self._settings = settings
        self._hearing = Hearing(settings)

    def gets_to(self, machine: Machine) -> bool:
        """Tell whether Ansible reaches such a machine; one that nobody reaches gets a script (`enrolment`)."""
        return isinstance(machine.connection, _WAYS[machine.os])

    def list_ordered_programs(self, system: OperatingSystem) -> Mapping[str, OrderedProgram]:  # noqa: ARG002
        return {}

    def find_build(self, system: OperatingSystem) -> AgentBuild:
        """Return the chosen installer; that a file is the chosen one is checked before it is sent."""
        installer = self._settings.installer_for(system)
        return AgentBuild(installer.sha256, (installer.sha256,), version=installer.version)

    def configure(self, setup: AgentSetup) -> AgentConfiguration:
        raise RefusedError(
            f"{setup.owner.machine}: no machine fetches Acronis' agent from a bucket",
            "A machine that nobody can reach gets an enrolment script.",
        )

    def connect(self, scratch: Path, slugs: Mapping[str, str]) -> Agents:
        return AcronisAgents(self._settings, scratch, slugs)

    def refuse_another(self, machine: SshMachine, slug: str, wanted: AgentOwner, slugs: Mapping[str, str]) -> None:
        refuse_another(machine, slug, wanted, slugs)

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
