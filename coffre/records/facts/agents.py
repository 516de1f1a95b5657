"""Facts about machines: their agents, their orders, their replacement, and their keys."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Annotated

from coffre.records.details import OPTIONAL, Stored
from coffre.records.facts.fact import Fact

FIRST_AGENT = "restic"
"""The kind of agent of events that do not name it: there was one only."""


@dataclass(frozen=True)
class AgentDeployed(Fact):
    """An agent was deployed: the generation of its orders, its program, and the connection in one line.

    ``agent`` is its kind; ``agent_id`` is the vendor's own id of it, for a kind whose agents have one, and ``plan`` the
    name of the plan that it follows, for a kind without orders.
    """

    licence: str = ""
    generation: int = field(kw_only=True)
    agent_sha256: str = ""
    agent_version: str | None = None
    connection: str | None = None
    agent_id: Annotated[str, OPTIONAL] = ""
    plan: Annotated[str, OPTIONAL] = ""
    agent: Annotated[str, OPTIONAL] = FIRST_AGENT


@dataclass(frozen=True)
class Install(AgentDeployed):
    """An agent was installed on a machine that had none."""


@dataclass(frozen=True)
class Update(AgentDeployed):
    """An agent got other orders or another program, or is reached by another connection."""


@dataclass(frozen=True)
class Removal(Fact):
    """An agent of a kind was removed from its machine; ``is_changed``: there was something to remove."""

    is_changed: Annotated[bool, Stored("changed")] = False
    agent: Annotated[str, OPTIONAL] = FIRST_AGENT


@dataclass(frozen=True)
class MachineRetired(Fact):
    """A machine was retired: its key is deleted, and its backups are kept until a day.

    ``access_key_id`` is empty for an agent without a key. ``agent`` is the kind that alone retired, on a machine that
    moves to another one; empty for the whole machine.
    """

    licence: str
    on: date
    keep_until: date
    access_key_id: str
    agent: Annotated[str, OPTIONAL] = ""


@dataclass(frozen=True)
class OrdersIssued(Fact):
    """A generation of orders was used, before it was written; ``renews``: its content equals the last one."""

    generation: int
    differences: tuple[str, ...] = ()
    renews: Annotated[bool, OPTIONAL] = False


@dataclass(frozen=True)
class OrdersWritten(Fact):
    """A generation of orders is certainly in the machine's bucket."""

    generation: int


@dataclass(frozen=True)
class PathSize:
    """The result of a path of a machine's plan in a report."""

    path: str
    file_count: Annotated[int, Stored("files")]
    size_bytes: Annotated[int, Stored("bytes")]


@dataclass(frozen=True)
class PathsAccepted(Fact):
    """SMILÉO accepted a report's results for these paths; ``report_number`` is that report's."""

    reason: str = ""
    report_number: Annotated[int | None, Stored("number")] = None
    paths: tuple[PathSize, ...] = ()


@dataclass(frozen=True)
class AcceptedBefore:
    """The machine accepted before: its host name, its short mark, and since when."""

    host_name: str
    mark: str
    accepted_at: datetime


@dataclass(frozen=True)
class MachineReplaced(Fact):
    """Another machine replaces a machine; ``before`` is the former one, None when none was known."""

    reason: str
    before: AcceptedBefore | None = None


@dataclass(frozen=True)
class KeyRotated(Fact):
    """A stage of a key's rotation; ``which`` is the kind of the key, a phrase in older events."""

    which: str
    stage: str
    access_key_id: str | None = None
    replaced_key_id: Annotated[str | None, OPTIONAL] = None
