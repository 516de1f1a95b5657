"""Removing backups from a repository, from SMILÉO's side: what the operation `coffre prune` asks of a kind of agent."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from coffre.agents.repository import RepositoryError


class RepositoryLockedError(RepositoryError):
    """Another program works on the repository, or one that died left its lock: nothing was changed."""


@dataclass(frozen=True)
class PrunePlan:
    """What a pruning would do with the packs, by the word of the agent's program; sizes are rounded up.

    ``repacked_bytes`` are in packs that hold something else too: all but ``dropped_bytes`` of them is written again.
    ``deleted_bytes`` are in packs that nothing needs. ``remaining_bytes`` stay, ``unused_bytes`` of them for nothing.
    """

    repacked_bytes: int
    dropped_bytes: int
    deleted_bytes: int
    remaining_bytes: int
    unused_bytes: int

    @property
    def written_bytes(self) -> int:
        """What is written before anything is deleted."""
        return max(0, self.repacked_bytes - self.dropped_bytes)


class RepositoryPruner(Protocol):
    """One open repository from which backups are removed. Every method raises RepositoryError.

    The methods that change something lock the repository; RepositoryLockedError when another program has it.
    """

    def plan(self, snapshots: Sequence[str], most_repacked_bytes: int | None = None) -> PrunePlan:
        """Return what `remove` and `prune` would do, without a lock and without a change.

        ``most_repacked_bytes`` limits what is written again (None: no limit; 0: only whole packs are deleted).
        """

    def unlock(self) -> None:
        """Remove the locks of programs that no longer run; a living one's stays."""

    def remove(self, snapshots: Sequence[str]) -> None:
        """Remove these snapshots, by their full ids; those that are gone are no error. Their data stays for now."""

    def prune(self, most_repacked_bytes: int | None, deadline_seconds: float) -> None:
        """Delete the data that no snapshot needs. It may be killed at any time: the repository stays whole."""
