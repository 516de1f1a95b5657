"""The protocol of every kind of agent: plain requests and results, and the calls that Coffre makes."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from pydantic import SecretStr

from coffre.agents.home import AgentHome, AgentOwner, EnrolmentScript
from coffre.agents.identity import MachineIdentity
from coffre.agents.reach.ssh import SshMachine
from coffre.agents.report import Report
from coffre.agents.repository import BucketStorage, RepositoryFormat
from coffre.spec.sites import CommandNode, SshNode
from coffre.spec.tenant import Machine, OperatingSystem, SshConnection, WinrmConnection

OnProgress = Callable[[str, str], None]
"""Called with a machine's name and the current action on it."""


@dataclass(frozen=True)
class SiteNode:
    """The node of a site of platform.yaml; ``known_hosts`` has its own host key, not those of the site's machines."""

    name: str
    node: SshNode | CommandNode
    known_hosts: Path
    ssh_config: Path | None = None


@dataclass(frozen=True)
class Target:
    """A tenant's machine and its connection; ``known_hosts`` is the tenant's file of recorded host keys.

    ``credential`` is the secret of `credential:` in the tenant file: the account's password on Windows, sudo's
    elsewhere. ``authorities`` sign the certificates of the tenant's Windows machines (None: those that this computer
    trusts). ``site`` is where only a node reaches it; ``ssh_config`` is then None: the node has its own.
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
    site: SiteNode | None = None

    @property
    def trust_command(self) -> str:
        """The command with which an operator records this machine's host key."""
        return f"coffre trust {self.slug} {self.machine}"


@dataclass(frozen=True)
class OrdersTrust:
    """Which orders an agent accepts: those signed by the raw ed25519 key, with at least this generation.

    ``least_generation`` is 0 when no generation was ever recorded.
    """

    signing_public_key: bytes
    least_generation: int = 0


@dataclass(frozen=True)
class SeenNumbers:
    """The highest numbers that SMILÉO has seen in a machine's reports and check-ins; the agent continues above them."""

    reports: int = 0
    check_ins: int = 0


@dataclass(frozen=True)
class AgentSetup:
    """What an agent needs to know for its work, however it gets to its machine.

    ``storage`` is the machine's bucket, None for a kind of agent without one; ``trust`` says which orders are accepted,
    None for a kind without orders.
    """

    owner: AgentOwner
    system: OperatingSystem
    storage: BucketStorage | None
    trust: OrdersTrust | None
    seen: SeenNumbers = SeenNumbers()


@dataclass(frozen=True)
class DeployRequest:
    """A machine that should have its agent; ``storage``, ``trust`` and ``seen`` are those of `AgentSetup`."""

    target: Target
    storage: BucketStorage | None
    trust: OrdersTrust | None
    seen: SeenNumbers = SeenNumbers()

    @property
    def setup(self) -> AgentSetup:
        """What the agent needs to know for its work."""
        owner = AgentOwner(self.target.tenant_id, self.target.machine)
        return AgentSetup(owner, self.target.system, self.storage, self.trust, self.seen)


@dataclass(frozen=True)
class AgentConfiguration:
    """The files of an agent that nobody brings to its machine: the machine fetches and writes them itself."""

    settings: bytes
    credentials: bytes = field(repr=False)
    certificates: bytes
    """The authorities of the platform, as PEM."""


@dataclass(frozen=True)
class RemoveRequest:
    """A machine from which everything of ours must be removed."""

    target: Target


@dataclass(frozen=True)
class DeployResult:
    """The result on one machine.

    ``changes`` are the steps that changed something, or would have; ``message`` is empty when ``ok``, else one sentence
    with the remedy, without any secret. ``unreachable`` covers every obstacle before the work: no answer, the host key,
    the login, sudo. ``agent_version`` is the agent's own statement, empty without one; ``identity`` is its statement on
    its machine (None: without one, or from an older agent).
    """

    slug: str
    machine: str
    ok: bool
    changed: bool
    unreachable: bool
    message: str = ""
    changes: tuple[str, ...] = field(default=())
    agent_version: str = ""
    identity: MachineIdentity | None = None
    agent_id: str = ""
    """The vendor's own id of the agent, for a kind whose agents have one."""


class AgentPart(StrEnum):
    """The part of an agent that is not on its machine as it should be."""

    PROGRAMS = "programs"
    """The agent's own programs, their folder and commands."""
    CONFIGURATION = "configuration"
    SCHEDULE = "schedule"
    """What starts the backups: missing, changed or masked."""
    SCHEDULE_OFF = "schedule_off"
    """What starts the backups is there, and switched off."""
    ADDITION = "addition"
    """A file of somebody else that changes what starts the backups; a deployment leaves it."""
    RESTIC = "restic"
    """The program that the orders name."""
    ORDERS = "orders"
    """Newer orders are in the bucket."""
    STATE = "state"
    """Something else, of which the agent tells."""


@dataclass(frozen=True)
class AgentDrift:
    """A part of an agent that differs; ``detail`` is what would be done about it, in the machine's own words: hostile.

    An agent with other programs or another configuration is not asked about the rest.
    """

    part: AgentPart
    detail: str = ""


@dataclass(frozen=True)
class AgentLook:
    """What a machine has of its agent.

    ``ok``: it was looked at, and ``drift`` is everything that differs. Otherwise ``message`` is one sentence with the
    remedy; ``unreachable`` covers every obstacle before the look.
    """

    slug: str
    machine: str
    ok: bool
    unreachable: bool = False
    message: str = ""
    drift: tuple[AgentDrift, ...] = ()


@dataclass(frozen=True)
class OrderedProgram:
    """A program that orders name: its version, the SHA-256 of its file in hexadecimal, and that file here."""

    version: str
    sha256: str
    path: Path


@dataclass(frozen=True)
class AgentBuild:
    """The programs to install on a machine; the hashes are of files here, SHA-256 in hexadecimal.

    ``agent_sha256`` identifies a build of the agent; ``programs_sha256`` are of all programs that are sent.
    ``agent`` is the agent's file here, for a kind whose agent can install itself (`via: pull`), of this ``version``.
    """

    agent_sha256: str
    programs_sha256: tuple[str, ...]
    agent: Path | None = None
    version: str = ""


@dataclass(frozen=True)
class Heard:
    """An agent's statement on its runs outside a bucket: its last run, and the last successful one."""

    last: Report | None = None
    success: Report | None = None


@dataclass(frozen=True)
class RunClock:
    """The time functions needed to follow a run."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


Reach = Callable[[], AbstractContextManager[SshMachine]]
"""Opens the connection to a machine, for a kind of agent that needs one."""


class Agents(Protocol):
    """The agents of some machines, available during a command.

    A machine that does not answer never delays the others; results keep the requests' order.
    """

    def deploy(self, requests: Sequence[DeployRequest], on_progress: OnProgress) -> list[DeployResult]:
        """Install or repair the agent and make it apply its orders; changes nothing that is already correct."""

    def look(self, requests: Sequence[DeployRequest], on_progress: OnProgress) -> list[AgentLook]:
        """Tell what `deploy` would change; changes nothing, neither there nor in the storage.

        The requests have no password of a repository: the agent itself tries its own, and compares its access key.
        """

    def remove(self, requests: Sequence[RemoveRequest], on_progress: OnProgress) -> list[DeployResult]:
        """Remove everything of ours from the machines and nothing else; what is already gone is no error."""


class AgentScripts(Protocol):
    """How agents of a kind without a bucket get to machines that nobody can reach, and are heard of from there."""

    def make_script(self, slug: str, target: AgentOwner, system: OperatingSystem, valid: timedelta) -> EnrolmentScript:
        """Return the script that installs the agent on a machine that nobody can reach (`via: pull`).

        RefusedError when it cannot be made; ``valid`` is how long it is to be usable.
        """

    def end_script(self, target: AgentOwner, token_id: str) -> None:
        """End what a script has in it, before its time; what is over already is no error."""

    def find_enrolled(self, target: AgentOwner, since: datetime) -> DeployResult:
        """Return the agent that a script has installed since then; ``unreachable`` as long as there is none."""

    def forget_unreached(self, target: AgentOwner) -> bool:
        """Take an agent that nobody can reach from the vendor's list; returns whether it was there.

        Its machine keeps the software, which can do nothing any more.
        """


class OpenedDriver(Protocol):
    """One kind of agent, with the platform that its agents back up to. Nothing is asked of it before a method is."""

    def find_build(self, system: OperatingSystem) -> AgentBuild:
        """Return the programs to install on a machine of this system; ExpectedError when a file is missing."""

    def connect(self, scratch: Path, slugs: Mapping[str, str]) -> Agents:
        """Return the access to the agents of machines.

        ``scratch`` is the place of private files on a system without a tmpfs; ``slugs`` are the tenants' by their ids,
        used to name the agent of another tenant.
        """

    def back_up(
        self,
        target: AgentOwner,
        reach: Reach,
        deadline_seconds: float,
        on_progress: Callable[[str], None],
        clock: RunClock,
    ) -> Report:
        """Start a machine's backup, or join a running one, and return its report.

        ExpectedError when it could not be started, ended without a report, or goes on after the deadline.
        """

    def hear(self, target: AgentOwner) -> Heard:
        """Return an agent's statement on its runs, for a kind whose machines have no bucket for it."""

    @property
    def scripts(self) -> "AgentScripts | None":
        """How its agents get to machines that nobody can reach; None for a kind whose machines are invited."""


class AgentDriver(Protocol):
    """One kind of agent: what it needs from the platform, and how it is installed, run and observed."""

    @property
    def needs_bucket(self) -> bool:
        """Whether each machine has a bucket of its own on the platform, with a user and a key."""

    @property
    def takes_orders(self) -> bool:
        """Whether it follows signed orders that SMILÉO writes into the machine's bucket."""

    @property
    def repositories(self) -> RepositoryFormat | None:
        """The format of its backups in the machine's bucket; None when SMILÉO could open none there."""

    def gets_to(self, machine: Machine) -> bool:
        """Tell whether this kind can be installed on a machine's system over its connection."""

    def list_ordered_programs(self, system: OperatingSystem) -> Mapping[str, OrderedProgram]:
        """Return the programs that orders name for machines of a system, by name; none for a kind without orders."""

    def configure(self, setup: AgentSetup) -> AgentConfiguration:
        """Return the files that a deployment would write, for a machine that fetches them itself (`via: pull`).

        Asked only of a kind with a bucket.
        """

    def refuse_another(self, machine: SshMachine, slug: str, wanted: AgentOwner, slugs: Mapping[str, str]) -> None:
        """Refuse (RefusedError) a machine that has the agent of another machine or tenant, or is this computer."""

    def open(self, home: AgentHome) -> OpenedDriver:
        """Return this kind with the platform that its agents back up to."""
