"""What Coffre asks of a kind of agent, whatever it is: plain requests and results, and the protocol between them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pydantic import SecretStr

from coffre.agents.identity import Identity
from coffre.spec.tenant import OperatingSystem, SshConnection, WinrmConnection

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
class MachineStorage:
    """Where a machine's backups go and with which key; ``ca_file`` None: the authorities that this computer trusts."""

    endpoint_url: str
    region: str
    bucket: str
    ca_file: Path | None
    access_key_id: str
    secret_access_key: SecretStr
    repository_password: SecretStr


@dataclass(frozen=True)
class SeenNumbers:
    """The highest numbers that SMILÉO has seen of a machine's reports and check-ins; it goes on above them."""

    reports: int = 0
    check_ins: int = 0


@dataclass(frozen=True)
class DeployRequest:
    """A machine that should have its agent; ``signing_public_key`` is the raw ed25519 key behind its orders.

    ``least_generation``: the agent takes no older orders, whatever it has lost; 0 where none were ever recorded.
    """

    target: Target
    storage: MachineStorage
    signing_public_key: bytes
    least_generation: int = 0
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


class AgentDriver(Protocol):
    """One kind of agent. A machine that does not answer never holds the others up; results keep the requests' order."""

    def deploy(self, requests: Sequence[DeployRequest], on_progress: OnProgress) -> list[DeployResult]:
        """Install or repair the agent and have it apply its orders; changes nothing where all is as it should be."""

    def remove(self, requests: Sequence[RemoveRequest], on_progress: OnProgress) -> list[DeployResult]:
        """Take everything of ours off the machines and nothing else; what is gone already is no error."""
