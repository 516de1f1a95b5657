"""The end of an owner on a platform without buckets: its proof, its deletion, and what is left of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from coffre.storage.platform import RecordedResource

Refuse = Callable[[], None]
"""Raises when nothing may be deleted, for example because a hold was placed meanwhile."""


@dataclass(frozen=True)
class OwnerProof:
    """An owner as it was when somebody decided its end: what is deleted has to be the same still.

    ``external_id`` is our name of it at the vendor's, ``uuid`` the vendor's own. ``used`` are figures for people, with
    their units; ``below`` counts the vendor's tenants in it.
    """

    external_id: str
    uuid: str
    name: str
    version: int
    is_enabled: bool
    used: tuple[str, ...]
    below: int


@dataclass(frozen=True)
class OwnerTrace:
    """What the vendor still shows of an owner, by other calls than those of its deletion.

    ``is_listed``: a live owner has its external id or its UUID. ``is_answering``: it can be read by its UUID.
    ``deleted_at`` is what the vendor says of a deleted one, None when it shows none. Until ``recoverable_until`` the
    vendor itself may be able to bring it back: nobody has verified how long.
    """

    is_listed: bool
    is_answering: bool
    is_being_deleted: bool
    deleted_at: datetime | None = None
    recoverable_until: datetime | None = None

    @property
    def is_gone(self) -> bool:
        """Whether nothing is left that works."""
        return not (self.is_listed or self.is_answering or self.is_being_deleted)


class OwnerEraser(Protocol):
    """One owner with everything in it, opened to be deleted for ever. Only the offboarding package opens one."""

    def prove(self) -> OwnerProof | None:
        """Return the owner as it is now; None without one."""

    def find_renamed(self, resources: "Sequence[RecordedResource]") -> str | None:
        """Return the vendor's id of an owner in a stack that is still there without our name; None without one."""

    def delete(self, proof: OwnerProof, refuse: Refuse) -> None:
        """Delete the owner of a proof with all its backups; may run again after a kill, with the same proof.

        RefusedError, and nothing is changed: it works still, or is not as it was when it was proved, or ``refuse``
        says no. `find_trace` tells afterwards whether the vendor has finished.
        """

    def find_trace(self, proof: OwnerProof) -> OwnerTrace:
        """Return what is left of the owner of a proof."""
