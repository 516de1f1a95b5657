"""What Coffre asks of a kind of agent, whatever it is: plain requests and results, and the protocol between them."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pydantic import SecretStr

from coffre.agents.identity import Identity
from coffre.agents.reach.ssh import SshMachine
from coffre.agents.report import Report
from coffre.agents.repository import BucketStorage, RepositoryFormat
from coffre.spec.tenant import Machine, OperatingSystem, SshConnection, WinrmConnection

OnProgress = Callable[[str, str], None]
"""Called with a machine's name and what is done on it."""


@dataclass(frozen=True)
class Target:
    """A tenant's machine and the way to it; ``known_hosts`` is the tenant's file of recorded host keys.

    ``credential`` is what `credential:` of the tenant file names: the account's password on Windows, sudo's elsewhere.
    ``authorities`` vouch for the certificates of the tenant's Windows machines (None: those this computer trusts).
    """

    slug: str
    machine: str
    tenant_id: str
    connection: SshConnection | WinrmConnection
    known_hosts: Path
    ssh_config: Path | None = None
    system: OperatingSystem = OperatingSystem.LINUX
    credential: SecretStr | None = None
    authorities: Path | None = None

    @property
    def trust_command(self) -> str:
        """What an operator types to record this machine's host key."""
        return f"coffre trust {self.slug} {self.machine}"


@dataclass(frozen=True)
class AgentOwner:
    """The tenant and the machine that an agent works for; empty what its configuration does not say."""

    tenant_id: str
    machine: str

    def is_another(self, wanted: "AgentOwner") -> bool:
        """Tell whether anything that is said here is said otherwise there."""
        return self.tenant_id not in ("", wanted.tenant_id) or self.machine not in ("", wanted.machine)


@dataclass(frozen=True)
class OrdersTrust:
    """Which orders an agent takes: those that the raw ed25519 key signed, and no older ones than this generation.

    ``least_generation`` is 0 where no generation was ever recorded.
    """

    signing_public_key: bytes
    least_generation: int = 0


@dataclass(frozen=True)
class SeenNumbers:
    """The highest numbers that SMILÉO has seen of a machine's reports and check-ins; it goes on above them."""

    reports: int = 0
    check_ins: int = 0


@dataclass(frozen=True)
class DeployRequest:
    """A machine that should have its agent.

    ``storage`` is the machine's bucket, None for a kind of agent without one; ``trust`` says which orders count, None
    for a kind that takes none.
    """

    target: Target
    storage: BucketStorage | None
    trust: OrdersTrust | None
    seen: SeenNumbers = SeenNumbers()


@dataclass(frozen=True)
class RemoveRequest:
    """A machine that should have nothing of ours any more."""

    target: Target


@dataclass(frozen=True)
class DeployResult:
    """How it went on one machine.

    ``changes`` are the steps that changed something, or would have; ``message`` is empty when ``ok``, else one sentence
    with what to do, without any secret. ``unreachable`` covers all that kept us from working on it: nobody answered,
    the host key, the login, sudo. ``agent_version`` is what the agent there says of itself, empty when it said nothing;
    ``identity`` which machine it says to be on (None: it said nothing, or is older than that).
    """

    slug: str
    machine: str
    ok: bool
    changed: bool
    unreachable: bool
    message: str = ""
    changes: tuple[str, ...] = field(default=())
    agent_version: str = ""
    identity: Identity | None = None


@dataclass(frozen=True)
class OrderedProgram:
    """A program that orders name: its version, the SHA-256 of its file in hexadecimal, and that file here."""

    version: str
    sha256: str
    path: Path


@dataclass(frozen=True)
class AgentBuild:
    """What a machine would be installed with; the hashes are of files here, SHA-256 in hexadecimal.

    ``agent_sha256`` tells one version of the agent from another; ``programs_sha256`` are of all that is sent there.
    """

    agent_sha256: str
    programs_sha256: tuple[str, ...]


@dataclass(frozen=True)
class Heard:
    """What an agent says of its runs elsewhere than in a bucket: its last run, and the last that succeeded."""

    last: Report | None = None
    success: Report | None = None


@dataclass(frozen=True)
class Clock:
    """Time, as following a run needs it."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


Reach = Callable[[], AbstractContextManager[SshMachine]]
"""Opens the way to a machine, for a kind of agent that needs one."""


class Agents(Protocol):
    """The agents of some machines, at hand for the length of a command.

    A machine that does not answer never holds the others up; results keep the requests' order.
    """

    def deploy(self, requests: Sequence[DeployRequest], on_progress: OnProgress) -> list[DeployResult]:
        """Install or repair the agent and have it apply its orders; changes nothing where all is as it should be."""

    def remove(self, requests: Sequence[RemoveRequest], on_progress: OnProgress) -> list[DeployResult]:
        """Take everything of ours off the machines and nothing else; what is gone already is no error."""


class AgentDriver(Protocol):
    """One kind of agent: what it needs of the platform, and how it is installed, run, and looked at."""

    @property
    def needs_bucket(self) -> bool:
        """Whether each machine has a bucket of its own on the platform, with a user and a key."""

    @property
    def takes_orders(self) -> bool:
        """Whether it follows signed orders that SMILÉO writes into the machine's bucket."""

    @property
    def repositories(self) -> RepositoryFormat | None:
        """How it keeps backups in the machine's bucket; None: it keeps none there that SMILÉO could open."""

    def gets_to(self, machine: Machine) -> bool:
        """Tell whether this kind can be installed on a machine's system by the way that its connection names."""

    def list_ordered_programs(self, system: OperatingSystem) -> Mapping[str, OrderedProgram]:
        """Return the programs that orders name for machines of a system, by name; none for a kind without orders."""

    def find_build(self, system: OperatingSystem) -> AgentBuild:
        """Return what a machine of this system would be installed with; ExpectedError when a file is missing."""

    def connect(self, scratch: Path, slugs: Mapping[str, str]) -> Agents:
        """Return the way to the agents of machines.

        ``scratch`` is where private files go on a system without a tmpfs; ``slugs`` are the tenants' by their ids, by
        which another's agent is named.
        """

    def refuse_another(self, machine: SshMachine, slug: str, wanted: AgentOwner, slugs: Mapping[str, str]) -> None:
        """Refuse (RefusedError) a machine that has another's agent, or is this computer."""

    def back_up(
        self,
        target: AgentOwner,
        reach: Reach,
        deadline_seconds: float,
        on_progress: Callable[[str], None],
        clock: Clock,
    ) -> Report:
        """Start a machine's backup, or join one that runs already, and return its report.

        ExpectedError when it could not be started, ended without a report, or goes on after the deadline.
        """

    def hear(self, target: AgentOwner) -> Heard:
        """Return what an agent says of its runs, for a kind whose machines have no bucket to say it in."""
