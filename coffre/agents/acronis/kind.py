"""`agent: acronis`: the vendor's agent, without bucket, orders and repository of SMILÉO's."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from coffre.agents.driver import (
    AgentConfiguration,
    AgentSetup,
    OrderedProgram,
)
from coffre.agents.home import AgentHome, AgentOwner
from coffre.agents.reach.ssh import SshMachine
from coffre.errors import RefusedError
from coffre.spec.tenant import Machine, OperatingSystem, PullConnection, SshConnection, WinrmConnection

if TYPE_CHECKING:
    from coffre.agents.acronis.opened import OpenedAcronis

_WAYS: Mapping[OperatingSystem, type[SshConnection] | type[WinrmConnection]] = {
    OperatingSystem.LINUX: SshConnection,
    OperatingSystem.MACOS: SshConnection,
    OperatingSystem.WINDOWS: WinrmConnection,
}
"""The connection from outside to machines of each system; any of them can also get a script."""


class AcronisKind:
    """The vendor's kind of agent; implements AgentDriver. The libraries of its API are imported when it is opened."""

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
        from coffre.agents.acronis.owner import refuse_another

        refuse_another(machine, slug, wanted, slugs)

    def open(self, home: AgentHome) -> "OpenedAcronis":
        from coffre.agents.acronis.opened import OpenedAcronis

        return OpenedAcronis(home)
