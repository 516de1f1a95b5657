"""Facts about machines: their agents, the orders they get, their place, and the keys in their name."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Annotated

from coffre.records.details import OPTIONAL, Stored
from coffre.records.facts.fact import Fact


@dataclass(frozen=True)
class AgentDeployed(Fact):
    """An agent was deployed: the generation of its orders, its program, and the way to the machine in one line."""

    licence: str = ""
    generation: int = field(kw_only=True)
    agent_sha256: str = ""
    agent_version: str | None = None
    connection: str | None = None


@dataclass(frozen=True)
class Install(AgentDeployed):
    """An agent was installed on a machine that had none."""


@dataclass(frozen=True)
class Update(AgentDeployed):
    """An agent took other orders, another program, or was reached by another way."""


@dataclass(frozen=True)
class Removal(Fact):
    """An agent was removed from its machine; ``is_changed``: something was there to be removed."""

    is_changed: Annotated[bool, Stored("changed")] = False


@dataclass(frozen=True)
class Retirement(Fact):
    """A machine was retired: its key ends, and its backups are kept until a day."""

    licence: str
    on: date
    keep_until: date
    access_key_id: str


@dataclass(frozen=True)
class OrdersIssued(Fact):
    """A generation of orders was used, before it was written; ``renews``: it says what the last one said."""

    generation: int
    differences: tuple[str, ...] = ()
    renews: Annotated[bool, OPTIONAL] = False


@dataclass(frozen=True)
class OrdersWritten(Fact):
    """A generation of orders certainly stands in the machine's bucket."""

    generation: int


@dataclass(frozen=True)
class PathSize:
    """What a path of a machine's plan gave in a report."""

    path: str
    file_count: Annotated[int, Stored("files")]
    size_bytes: Annotated[int, Stored("bytes")]


@dataclass(frozen=True)
class PathsAccepted(Fact):
    """SMILÉO took what a report says of these paths for right; ``report_number`` is that report's."""

    reason: str = ""
    report_number: Annotated[int | None, Stored("number")] = None
    paths: tuple[PathSize, ...] = ()


@dataclass(frozen=True)
class AcceptedBefore:
    """The machine whose backups counted: its host's name, a short mark of it, and since when."""

    host_name: str
    mark: str
    accepted_at: datetime


@dataclass(frozen=True)
class MachineReplaced(Fact):
    """Another machine takes a machine's place; ``before`` is the one that had it, None when none was known."""

    reason: str
    before: AcceptedBefore | None = None


@dataclass(frozen=True)
class KeyRotated(Fact):
    """A stage of a key's rotation; ``which`` is the kind of the key, a phrase in events of before."""

    which: str
    stage: str
    access_key_id: str | None = None
    replaced_key_id: Annotated[str | None, OPTIONAL] = None
