"""Where an agent backs up to, and whose it is: plain values."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from coffre.spec.storage_platform import Platform


@dataclass(frozen=True)
class AgentOwner:
    """The tenant and the machine that an agent works for; empty where its configuration does not say."""

    tenant_id: str
    machine: str

    def is_another(self, wanted: "AgentOwner") -> bool:
        """Tell whether a value that is set here differs there."""
        return self.tenant_id not in ("", wanted.tenant_id) or self.machine not in ("", wanted.machine)


@dataclass(frozen=True)
class AgentEntry:
    """What the tenant's file and the records say of an agent.

    ``plan`` is the name of its machine's plan; ``agent_id`` is the vendor's id of the agent that was deployed last, ""
    before the first one; ``others`` are the ids of the tenant's other agents.
    """

    plan: str = ""
    agent_id: str = ""
    others: frozenset[str] = frozenset()


@dataclass(frozen=True)
class AgentHome:
    """The platform that agents back up to: ``name`` in platform.yaml, whose files are below ``root``.

    ``find`` says what an agent there is to be.
    """

    name: str
    platform: Platform
    root: Path
    find: Callable[[AgentOwner], AgentEntry] = lambda _: AgentEntry()

    def settled(self, owners: Iterable[AgentOwner]) -> "SettledHome":
        """Return it with what is known of these agents now: nothing is read later."""
        return SettledHome(self, {owner: self.find(owner) for owner in owners})


@dataclass(frozen=True)
class SettledHome:
    """A platform, and what was known of some agents there at one moment."""

    home: AgentHome
    entries: Mapping[AgentOwner, AgentEntry]


def join_homes(settled: Sequence[SettledHome]) -> AgentHome:
    """Return the platform with what is known of all these agents; it is the same for all."""
    entries = {owner: entry for each in settled for owner, entry in each.entries.items()}
    return replace(settled[0].home, find=entries.__getitem__)


@dataclass(frozen=True)
class EnrolmentScript:
    """What a customer's own software distribution runs once on a machine: its ``content`` is secret until it expires.

    ``token_id`` is the vendor's name of what is secret in it, to end it earlier.
    """

    file_name: str
    content: bytes = field(repr=False)
    expires_at: datetime
    token_id: str
