"""A kind of agent for tests that works like restic's: with a bucket, signed orders and a repository, but in memory.

In tenant files it uses the name `agent: restic`. Its machines are reached without Ansible, and stay between commands.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from coffre.agents import desired
from coffre.agents.driver import (
    AgentBuild,
    AgentDrift,
    AgentDriver,
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
)
from coffre.agents.home import AgentHome, AgentOwner
from coffre.agents.report import Report
from coffre.spec import naming
from coffre.spec.tenant import AgentKind, OperatingSystem
from coffre.storage.values import AccessKey
from coffre.toolchain import sha256_file
from tests.doubles.agent import FileKind, LinuxWithoutSsh
from tests.doubles.repository import MemoryFormat
from tests.doubles.storage import MemoryPlatform

LARGEST_PROGRAM_BYTES = 1 << 20


@dataclass
class OrderedMachine:
    """A machine: whether it answers, the key that its agent has, and the orders that it applied last."""

    answers: bool = True
    key: AccessKey | None = None
    orders: Mapping[str, Any] | None = None

    @property
    def has_agent(self) -> bool:
        return self.key is not None


@dataclass
class Fleet:
    """The machines of a tenant, by name, and the platform that their agents use; implements Agents."""

    platform: MemoryPlatform
    machines: dict[str, OrderedMachine] = field(default_factory=dict)
    others: Sequence[MemoryPlatform] = ()
    """Platforms with copies of their repositories, which the machines do not use."""

    def machine(self, name: str) -> OrderedMachine:
        return self.machines.setdefault(name, OrderedMachine())

    def deploy(self, requests: Sequence[DeployRequest], on_progress: OnProgress) -> list[DeployResult]:
        return [self.install(request) for request in requests]

    def look(self, requests: Sequence[DeployRequest], on_progress: OnProgress) -> list[AgentLook]:
        return [self._look(request) for request in requests]

    def remove(self, requests: Sequence[RemoveRequest], on_progress: OnProgress) -> list[DeployResult]:
        return [self._remove(request) for request in requests]

    def install(self, request: DeployRequest) -> DeployResult:
        """Give a machine its agent, which applies the orders of its bucket with its own key."""
        slug, name = request.target.slug, request.target.machine
        machine, storage, trust = self.machine(name), request.storage, request.trust
        if not machine.answers:
            return _unreached(slug, name)
        assert storage is not None and trust is not None and storage.repository_password is not None  # noqa: PT018
        key = AccessKey(storage.access_key_id, storage.secret_access_key.get_secret_value())
        problem = self._find_obstacle(storage.bucket, key)
        if problem:
            return DeployResult(slug, name, False, False, False, problem)
        document = self.platform.open_bucket(storage.bucket, key).find(naming.DESIRED_KEY, desired.LIMIT_BYTES)
        assert isinstance(document, bytes), "an agent is deployed when its orders stand"
        orders = desired.verify(document, trust.signing_public_key)
        assert orders["generation"] >= trust.least_generation
        assert (orders["tenant_id"], orders["machine"]) == (request.target.tenant_id, name)
        assert self._can_download(orders["restic"]["sha256"]), "orders name only what a machine can download"
        MemoryFormat(self.platform).open(storage).open()
        changed = (machine.key, machine.orders) != (key, orders)
        machine.key, machine.orders = key, orders
        return DeployResult(slug, name, True, changed, False, agent_version="1.0")

    def _look(self, request: DeployRequest) -> AgentLook:
        slug, name, storage = request.target.slug, request.target.machine, request.storage
        machine = self.machine(name)
        assert storage is not None
        assert storage.repository_password is None, "a look uses no password"
        if not machine.answers:
            return AgentLook(slug, name, False, True, f"{name}: it does not answer")
        has_key = machine.key is not None and machine.key.access_key_id == storage.access_key_id
        drift = () if has_key else (AgentDrift(AgentPart.CONFIGURATION, "another key"),)
        return AgentLook(slug, name, True, drift=drift)

    def _remove(self, request: RemoveRequest) -> DeployResult:
        slug, name = request.target.slug, request.target.machine
        machine = self.machine(name)
        if not machine.answers:
            return _unreached(slug, name)
        had_agent, machine.key = machine.has_agent, None
        return DeployResult(slug, name, True, had_agent, False)

    def _can_download(self, sha256: str) -> bool:
        return self.platform.read_program_sha256(sha256, LARGEST_PROGRAM_BYTES) == sha256

    def _find_obstacle(self, bucket: str, key: AccessKey) -> str:
        return "" if self.platform.accepts_key(bucket, key) else f"the platform refuses the key {key.access_key_id}"


class OrderedKind(LinuxWithoutSsh):
    """The kind of those agents; implements AgentDriver, and OpenedDriver on any platform."""

    needs_bucket = True
    takes_orders = True
    scripts = None

    def open(self, home: AgentHome) -> "OrderedKind":
        return self

    def __init__(self, fleet: Fleet, programs: Path) -> None:
        self.fleet = fleet
        self._restic = programs / "restic"
        self._restic.write_bytes(b"the program that orders name")

    @property
    def repositories(self) -> MemoryFormat:
        return MemoryFormat(self.fleet.platform, *self.fleet.others)

    def list_ordered_programs(self, system: OperatingSystem) -> Mapping[str, OrderedProgram]:
        return {"restic": OrderedProgram("0.18.1", sha256_file(self._restic), self._restic)}

    def find_build(self, system: OperatingSystem) -> AgentBuild:
        agent = hashlib.sha256(b"the only version").hexdigest()
        return AgentBuild(agent, (agent, sha256_file(self._restic)))

    def connect(self, scratch: Path, slugs: Mapping[str, str]) -> Agents:
        return self.fleet

    def back_up(
        self,
        target: AgentOwner,
        reach: Reach,
        deadline_seconds: float,
        on_progress: Callable[[str], None],
        clock: RunClock,
    ) -> Report:
        raise AssertionError("no machine of this kind backs up on demand")

    def hear(self, target: AgentOwner) -> Heard:
        """Return nothing: its machines report everything in their buckets."""
        return Heard()


def drivers_in_memory(fleet: Fleet, root: Path) -> dict[AgentKind, AgentDriver]:
    """Return the driver of each kind of agent that a tenant file may name, its files below a folder."""
    agents, programs = root / "agents", root / "programs"
    for folder in (agents, programs):
        folder.mkdir()
    return {AgentKind.RESTIC: OrderedKind(fleet, programs), AgentKind.ACRONIS: FileKind(agents)}


def _unreached(slug: str, name: str) -> DeployResult:
    return DeployResult(slug, name, False, False, True, f"{name}: it does not answer")
