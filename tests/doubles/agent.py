"""A kind of agent for tests, without orders and repository: each agent is a file of this computer.

In tenant files it uses the name `agent: acronis`, whose own driver it replaces.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from coffre.agents.driver import (
    AgentBuild,
    AgentDrift,
    AgentLook,
    AgentPart,
    Agents,
    DeployRequest,
    DeployResult,
    Heard,
    OnProgress,
    OrderedProgram,
    Reach,
    RemoveRequest,
    RunClock,
    Target,
)
from coffre.agents.home import AgentHome, AgentOwner
from coffre.agents.reach.ssh import SshMachine
from coffre.agents.report import Report, parse_report
from coffre.agents.repository import RepositoryFormat
from coffre.spec.tenant import Machine, OperatingSystem


@dataclass(frozen=True)
class FileAgents:
    """Agents that are one file each, with their reports in it; implements Agents."""

    folder: Path

    def deploy(self, requests: Sequence[DeployRequest], on_progress: OnProgress) -> list[DeployResult]:
        return [self._deploy(request, on_progress) for request in requests]

    def look(self, requests: Sequence[DeployRequest], on_progress: OnProgress) -> list[AgentLook]:
        return [self._look(request.target) for request in requests]

    def remove(self, requests: Sequence[RemoveRequest], on_progress: OnProgress) -> list[DeployResult]:
        return [self._remove(request.target) for request in requests]

    def place_of(self, tenant_id: str, machine: str) -> Path:
        return self.folder / f"{tenant_id}.{machine}"

    def _deploy(self, request: DeployRequest, on_progress: OnProgress) -> DeployResult:
        assert request.trust is None, "this kind takes no orders"
        target = request.target
        place, is_new = self.place_of(target.tenant_id, target.machine), False
        if not place.exists():
            on_progress(target.machine, "writing its file")
            place.write_text("[]", encoding="utf-8")
            is_new = True
        return DeployResult(target.slug, target.machine, True, is_new, False, agent_version="1.0")

    def _look(self, target: Target) -> AgentLook:
        is_there = self.place_of(target.tenant_id, target.machine).exists()
        drift = () if is_there else (AgentDrift(AgentPart.PROGRAMS, "its file is gone"),)
        return AgentLook(target.slug, target.machine, True, drift=drift)

    def _remove(self, target: Target) -> DeployResult:
        place = self.place_of(target.tenant_id, target.machine)
        was_there = place.exists()
        place.unlink(missing_ok=True)
        return DeployResult(target.slug, target.machine, True, was_there, False)


class LinuxWithoutSsh:
    """The part of a driver about reaching machines, for kinds that never connect to one."""

    def gets_to(self, machine: Machine) -> bool:
        return machine.os is OperatingSystem.LINUX

    def refuse_another(self, machine: SshMachine, slug: str, wanted: AgentOwner, slugs: Mapping[str, str]) -> None:
        raise AssertionError("nobody gets to a machine of this kind by SSH")


class FileKind(LinuxWithoutSsh):
    """The kind of those agents; implements AgentDriver, and OpenedDriver on any platform."""

    takes_orders = False
    repositories: RepositoryFormat | None = None
    scripts = None

    def __init__(self, folder: Path, *, needs_bucket: bool = False) -> None:
        self.needs_bucket = needs_bucket
        self._agents = FileAgents(folder)

    def open(self, home: AgentHome) -> "FileKind":
        return self

    def list_ordered_programs(self, system: OperatingSystem) -> Mapping[str, OrderedProgram]:
        return {}

    def find_build(self, system: OperatingSystem) -> AgentBuild:
        digest = hashlib.sha256(b"the only version").hexdigest()
        return AgentBuild(digest, (digest,))

    def connect(self, scratch: Path, slugs: Mapping[str, str]) -> Agents:
        return self._agents

    def back_up(
        self,
        target: AgentOwner,
        reach: Reach,
        deadline_seconds: float,
        on_progress: Callable[[str], None],
        clock: RunClock,
    ) -> Report:
        place = self._agents.place_of(target.tenant_id, target.machine)
        said = json.loads(place.read_text(encoding="utf-8"))
        now = f"{datetime.now(UTC):%FT%TZ}"
        report: dict[str, Any] = {
            "version": 1,
            "tenant_id": target.tenant_id,
            "machine": target.machine,
            "run_id": os.urandom(16).hex(),
            "started_at": now,
            "finished_at": now,
            "result": "success",
            "message": "kept by its maker",
        }
        place.write_text(json.dumps([*said, report]), encoding="utf-8")
        return _read(report)

    def hear(self, target: AgentOwner) -> Heard:
        place = self._agents.place_of(target.tenant_id, target.machine)
        reports = json.loads(place.read_text(encoding="utf-8")) if place.exists() else []
        last = _read(reports[-1]) if reports else None
        return Heard(last, last)


def _read(report: Mapping[str, Any]) -> Report:
    return parse_report(json.dumps(report).encode(), datetime.now(UTC))
