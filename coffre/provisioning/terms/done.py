"""The result of each step, as the value that later steps take: a step in the wrong order does not type-check."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from coffre.findings import Finding
from coffre.observation.retired import RetiredStatus
from coffre.orders.control import Orders
from coffre.provisioning.changes import ResourceChange
from coffre.provisioning.terms.found import UnseenPart
from coffre.secrets.bundles import ControlBundle, DataBundle


@dataclass(frozen=True)
class Guarded:
    """No rule forbids the apply; ``losses`` is what buckets had before and have lost."""

    losses: tuple[Finding, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Escrowed:
    """A tenant's two bundles, complete for the machines of its file, and in escrow."""

    control: ControlBundle
    data: DataBundle


@dataclass(frozen=True)
class ShutOut:
    """The machines that the file blocks have no access, as far as their buckets exist."""


@dataclass(frozen=True)
class Published:
    """Machines can download the programs of orders; ``warnings`` name foreign objects found in a program's place."""

    warnings: tuple[str, ...]


@dataclass(frozen=True)
class RemovalsOrdered:
    """Agents of machines that are being retired have the order to remove themselves, while they can read it.

    ``to_remove`` are the retired machines whose agent must still be removed.
    """

    to_remove: tuple[str, ...]


@dataclass(frozen=True)
class Provisioned:
    """The platforms have what the file wants; ``changes`` were made for it.

    ``unseen`` are the parts that did not answer, before or meanwhile: these are as they were.
    """

    changes: tuple[ResourceChange, ...]
    unseen: tuple[UnseenPart, ...] = ()


@dataclass(frozen=True)
class Forgotten:
    """Retired machines have neither user nor key; ``control`` is the bundle without them."""

    control: ControlBundle


@dataclass(frozen=True)
class Reopened:
    """The owner's key opens the tenant's existing buckets; ``is_owner_settled``: that was looked at and put right."""

    is_owner_settled: bool


@dataclass(frozen=True)
class KeysRevoked:
    """Users of retired machines have no key, where keys are no resources of the stack."""


@dataclass(frozen=True)
class Keyed:
    """The owner and every machine in service that has a bucket have their key on the platform and in escrow."""

    control: ControlBundle


@dataclass(frozen=True)
class Enabled:
    """No user of the tenant is suspended, and no single bucket has a limit of its own."""


@dataclass(frozen=True)
class Admitted:
    """Holds and suspensions are on every bucket as the file says."""


@dataclass(frozen=True)
class Initialised:
    """Each machine has its repository, except the ``refused`` ones, each with the reason and the remedy."""

    refused: Mapping[str, str]


@dataclass(frozen=True)
class Ordered:
    """Every machine in service that takes orders has those that the file wants, by machine."""

    orders: Mapping[str, Orders]


@dataclass(frozen=True)
class Recorded:
    """The records have the commitments of the file."""


class MachineState(StrEnum):
    """The state of a machine after an apply. The next apply retries `pending` and `failed`.

    `awaited`: everything for it lies in its bucket, and it takes that at its next run: nobody can reach it.
    `refused`: its repository has changed, and nothing is done to it without a decision. `other`: it has its agent, but
    is not the accepted machine.
    """

    INSTALLED = "installed"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    RENEWED = "renewed"
    UNREACHED = "unreached"
    AWAITED = "awaited"
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
    """The state of every machine; with ``storage_only`` every agent is left unchanged."""

    machines: tuple[MachineOutcome, ...]


@dataclass(frozen=True)
class Delivery:
    """When the service was delivered, by this apply or an earlier one; None: not yet."""

    at: datetime | None
    is_new: bool
