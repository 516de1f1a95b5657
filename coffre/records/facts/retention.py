"""Facts about retention: when a machine's storage was in maintenance, what a pruning removed, why one was refused."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from coffre.records.details import OPTIONAL, Stored
from coffre.records.facts.fact import Fact, RecordedFinding


class Agreement(StrEnum):
    """What a person agrees to. The database keeps the values for ever."""

    DATES = "dates"
    """Snapshots of until now whose date differs from storage's stay for good, and the others are pruned."""
    AMOUNT = "amount"
    """More days than usual lose their last backup."""
    LOSS = "loss"
    """What earlier prunings removed is deleted at once: `coffre undelete` no longer brings it back."""
    ASIDE = "aside"
    """The data of snapshots that are set aside until now goes, where no other snapshot needs it."""


@dataclass(frozen=True)
class RetentionAgreed(Fact):
    """A person agreed to what a pruning does not do by itself; recorded before it is done."""

    agreements: tuple[Agreement, ...]
    reason: str


@dataclass(frozen=True)
class PruningBegan(Fact):
    """A machine's gate is about to be closed, since its repository is pruned."""


@dataclass(frozen=True)
class PruningEnded(Fact):
    """The gate follows the quota again: the pruning ended, or somebody found that its process had died."""


@dataclass(frozen=True)
class Pruned(Fact):
    """A pruning ended: what it removed, and the bytes of the machine's bucket before and after, as measured.

    ``current`` bytes are those of the newest versions, ``stored`` bytes those of all. ``unused_bytes`` of the packs
    that stay belong to no backup, by restic's word. ``freed_bytes`` of earlier versions were deleted by a person's
    word. ``problem`` is what the check afterwards found, empty when the repository is sound.
    """

    removed_count: Annotated[int, Stored("removed")]
    kept_count: Annotated[int, Stored("kept")]
    current_bytes_before: int
    current_bytes_after: int
    stored_bytes_before: int
    stored_bytes_after: int
    unused_bytes: int = 0
    freed_bytes: Annotated[int, OPTIONAL] = 0
    problem: Annotated[str, OPTIONAL] = ""


@dataclass(frozen=True)
class PruneRefused(Fact):
    """A pruning was refused, and nothing was removed, for these findings."""

    findings: tuple[RecordedFinding, ...]
