"""The result of a step's look: the changes that an apply would make, each a plain value."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from coffre.provisioning.changes import ResourceChange
from coffre.provisioning.terms.differences import Difference
from coffre.records.events import EventKind
from coffre.secrets.rotations import PendingRotation

OWNER = "owner"
"""The name of the tenant itself among the machines whose secrets are created."""
STACK = "stack"
"""The same where nobody has an access key: the passphrase of its stack, and the key that signs, are created."""


@dataclass(frozen=True)
class SecretToMint:
    """A key or a password that does not exist yet; ``subject`` is a machine, `OWNER` or `STACK`."""

    subject: str


@dataclass(frozen=True)
class MachinePlan:
    """What apply would do to one machine: ``install``, ``update``, ``remove`` or ``none``, and why.

    ``inputs_sha256`` is the hash of all inputs of the machine except its secrets: programs, settings, orders.
    """

    machine: str
    action: str
    differences: tuple[Difference, ...]
    inputs_sha256: str = ""


@dataclass(frozen=True)
class AccessSwitch:
    """Machines whose access to their repositories is blocked for a reason, or allowed again without one."""

    machines: tuple[str, ...]
    reason: str | None = None


class ChangeKind(StrEnum):
    """What an apply would do beyond storage, access and agents."""

    MAKE_REPOSITORY = "make repository"
    BEGIN_ANEW = "begin anew"
    """The backups of a machine are abandoned, and a new repository starts."""
    EXPIRE_SOONER = "expire sooner"
    EXPIRE_LATER = "expire later"
    EXPIRE_AGAIN = "expire again"
    EXPIRE_NEVER = "expire never"
    CLOSE_GATE = "close gate"
    OPEN_GATE = "open gate"
    STOP_FILLING = "stop filling"
    LET_GO_ON = "let go on"
    WALL = "wall"
    NEW_KEYS = "new keys"
    """The platform creates the first access keys of these users; the tenant's own user is `OWNER`."""
    REPLACE_KEYS = "replace keys"
    """The platform no longer has the keys of the bundle: it creates new ones, and the agents get them."""
    DELETE_KEYS = "delete keys"
    """The platform has keys of these users that no bundle has."""
    ENABLE_USERS = "enable users"
    """Somebody suspended these users."""
    LIFT_QUOTAS = "lift quotas"
    """Single buckets of these users have a limit of their own, which Coffre does not set."""
    QUOTA = EventKind.QUOTA_CHANGE.value
    LICENCES = EventKind.LICENCE_CHANGE.value
    OPTIONS = EventKind.OPTION_CHANGE.value
    COMMISSION = "commission"


GATE_MOVES = frozenset({ChangeKind.CLOSE_GATE, ChangeKind.OPEN_GATE, ChangeKind.STOP_FILLING, ChangeKind.LET_GO_ON})
"""What follows from the use of the storage: these changes differ from one look to the next."""

Value = int | tuple[str, ...] | None


@dataclass(frozen=True)
class Change:
    """One such change, and its machines; without machines it is about the tenant.

    ``before`` and ``after`` are in the unit of the kind: days, bytes, or names. Days of None: nothing expires.
    ``beyond_bytes`` of a wall is the maximum that can then be stored above the sold quota.
    """

    kind: ChangeKind
    machines: tuple[str, ...] = ()
    before: Value = None
    after: Value = None
    beyond_bytes: int | None = None


@dataclass(frozen=True)
class CopyPlan:
    """What apply would change on the platform of the second copy.

    ``needs_key``: the copy's owner has no key yet. ``unseen``: the platform gave this error instead of an answer.
    ``steps`` are the changes of its owner beyond the stack.
    """

    platform: str
    storage: tuple[ResourceChange, ...] = ()
    needs_key: bool = False
    unseen: str = ""
    steps: tuple[Change, ...] = ()

    @property
    def is_needed(self) -> bool:
        return bool(self.storage or self.steps) or self.needs_key


@dataclass(frozen=True)
class UnseenPart:
    """A part of the tenant's space that was not looked at: its platform gave this error instead of an answer.

    ``machines`` are those whose agents back up there: nothing is done to them.
    """

    platform: str
    machines: tuple[str, ...]
    error: str
    hint: str = ""


Found = UnseenPart | CopyPlan | SecretToMint | ResourceChange | MachinePlan | AccessSwitch | PendingRotation | Change
F = TypeVar("F", bound=Found)


def pick(found: Iterable[Found], kind: type[F]) -> tuple[F, ...]:
    """Return the values of one kind, in their order. Pure."""
    return tuple(each for each in found if isinstance(each, kind))
