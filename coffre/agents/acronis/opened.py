"""The vendor's agents of one platform, which its API installs, runs and observes."""

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path

from coffre.agents.acronis.agents import AcronisAgents
from coffre.agents.acronis.enrolment import AcronisScripts
from coffre.agents.acronis.hearing import Hearing
from coffre.agents.acronis.settings import AcronisSettings, installer_for, installers_of, settings_of
from coffre.agents.driver import (
    AgentBuild,
    Agents,
    Heard,
    Reach,
    RunClock,
)
from coffre.agents.home import AgentHome, AgentOwner
from coffre.agents.report import Report
from coffre.spec.tenant import OperatingSystem


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
