"""What each step did, as the value that later steps take: what comes too early does not type-check."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from coffre.findings import Finding
from coffre.observation.retired import RetiredStatus
from coffre.orders.control import Orders
from coffre.provisioning.changes import ResourceChange
from coffre.secrets.bundles import ControlBundle, DataBundle


@dataclass(frozen=True)
class Guarded:
    """Nothing speaks against the apply; ``losses`` is what buckets held before and hold no more."""

    losses: tuple[Finding, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Escrowed:
    """A tenant's two bundles, whole for the machines of its file, and in escrow."""

    control: ControlBundle
    data: DataBundle


@dataclass(frozen=True)
class ShutOut:
    """Machines that the file shuts out are, as far as their buckets are there."""


@dataclass(frozen=True)
class Published:
    """Machines can fetch what orders name; ``warnings`` name what stood in a program's place."""

    warnings: tuple[str, ...]


@dataclass(frozen=True)
class RemovalsOrdered:
    """Agents of machines that are being retired have the order to remove themselves, while they can read it.

    ``to_remove`` are the retired machines whose agent is still to be removed.
    """

    to_remove: tuple[str, ...]


@dataclass(frozen=True)
class Provisioned:
    """The platform has what the file wants; ``changes`` were needed for it."""

    changes: tuple[ResourceChange, ...]


@dataclass(frozen=True)
class Forgotten:
    """Retired machines have neither user nor key; ``control`` is the bundle without these."""

    control: ControlBundle


@dataclass(frozen=True)
class Admitted:
    """Holds and suspensions stand on every bucket as the file says."""


@dataclass(frozen=True)
class Initialised:
    """Each machine has its repository, but those that are ``refused``, each with why and what to do."""

    refused: Mapping[str, str]


@dataclass(frozen=True)
class Ordered:
    """Every machine in service that takes orders has those that the file wants, by machine."""

    orders: Mapping[str, Orders]


@dataclass(frozen=True)
class Recorded:
    """The records have what the file commits to."""


class MachineState(StrEnum):
    """How a machine stands after an apply. `pending` and `failed` are tried again by the next one.

    `refused`: its repository is not what it was, and nothing is done to it before somebody decides. `other`: it has its
    agent, and is not the machine whose backups count.
    """

    INSTALLED = "installed"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    RENEWED = "renewed"
    UNREACHED = "unreached"
    LEFT = "left"
    REMOVED = "removed"
    RETIRED = "retired"
    RETIRED_UNREACHED = "retired_unreached"
    PENDING = "pending"
    REFUSED = "refused"
    OTHER = "other"
    FAILED = "failed"


@dataclass(frozen=True)
class MachineOutcome:
    """One machine after an apply, and why it is pending or failed; ``retired``: what is kept of a retired one."""

    machine: str
    state: MachineState
    message: str = ""
    retired: RetiredStatus | None = None

    @property
    def is_complete(self) -> bool:
        return self.state not in (
            MachineState.PENDING,
            MachineState.FAILED,
            MachineState.REFUSED,
            MachineState.OTHER,
        )


@dataclass(frozen=True)
class Deployed:
    """How every machine stands; no machine was worked on with ``storage_only``."""

    machines: tuple[MachineOutcome, ...]


@dataclass(frozen=True)
class Delivery:
    """When the service was delivered, by this apply or an earlier one; None: not yet."""

    at: datetime | None
    is_new: bool
