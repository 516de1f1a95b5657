"""What a look of a step gives: the changes that an apply would make, each a plain value."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from coffre.provisioning.changes import ResourceChange
from coffre.records.events import EventKind
from coffre.secrets.rotations import PendingRotation

OWNER = "owner"
"""Stands for the tenant itself among the machines whose secrets are minted."""


@dataclass(frozen=True)
class SecretToMint:
    """A key or a password that does not exist yet; ``subject`` is a machine, or `OWNER`."""

    subject: str


@dataclass(frozen=True)
class MachinePlan:
    """What apply would do to one machine: ``install``, ``update``, ``remove`` or ``none``, and why.

    ``inputs_sha256`` is of all that the machine is given but its secrets: programs, settings, orders.
    """

    machine: str
    action: str
    differences: tuple[str, ...]
    inputs_sha256: str = ""


@dataclass(frozen=True)
class AccessSwitch:
    """Machines that are shut out of their repositories for a reason, or, without one, let in again."""

    machines: tuple[str, ...]
    reason: str | None = None


class ChangeKind(StrEnum):
    """What an apply would do beyond storage, access and agents."""

    MAKE_REPOSITORY = "make repository"
    BEGIN_ANEW = "begin anew"
    """The backups of a machine are given up, and a new repository begins."""
    EXPIRE_SOONER = "expire sooner"
    EXPIRE_LATER = "expire later"
    EXPIRE_AGAIN = "expire again"
    EXPIRE_NEVER = "expire never"
    CLOSE_GATE = "close gate"
    OPEN_GATE = "open gate"
    STOP_FILLING = "stop filling"
    LET_GO_ON = "let go on"
    WALL = "wall"
    QUOTA = EventKind.QUOTA_CHANGE.value
    LICENCES = EventKind.LICENCE_CHANGE.value
    OPTIONS = EventKind.OPTION_CHANGE.value
    COMMISSION = "commission"


Value = int | tuple[str, ...] | None


@dataclass(frozen=True)
class Change:
    """One such change, and the machines it is about; none: the tenant.

    ``before`` and ``after`` are in the unit of the kind: days, bytes, or names. Days of None: nothing expires.
    ``beyond_bytes`` of a wall is the most that may be stored beyond the sold quota then.
    """

    kind: ChangeKind
    machines: tuple[str, ...] = ()
    before: Value = None
    after: Value = None
    beyond_bytes: int | None = None


Found = SecretToMint | ResourceChange | MachinePlan | AccessSwitch | PendingRotation | Change
F = TypeVar("F", bound=Found)


def pick(found: Iterable[Found], kind: type[F]) -> tuple[F, ...]:
    """Return what is of one kind, in its order. Pure."""
    return tuple(each for each in found if isinstance(each, kind))
