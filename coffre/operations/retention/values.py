"""How a pruning is carried out, and what it leads to, as values."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from coffre.agents.pruning import PrunePlan
from coffre.findings import Finding
from coffre.records.facts.retention import Agreement

WAIT_SECONDS = 30 * 60.0
RUN_SECONDS = 8 * 3600.0
"""The longest that restic prunes one machine: the next run goes on."""


class PruneOutcome(StrEnum):
    """How the pruning of a machine ended."""

    PRUNED = "pruned"
    NOTHING_TO_DO = "nothing_to_do"
    PLANNED = "planned"
    """A dry run: nothing was changed."""
    REFUSED = "refused"


@dataclass(frozen=True)
class Manner:
    """How a pruning is carried out; ``reason`` is a person's, with ``agreements``."""

    on_progress: Callable[[str, str], None]
    is_dry_run: bool = False
    agreements: frozenset[Agreement] = frozenset()
    reason: str = ""
    wait_seconds: float = WAIT_SECONDS
    run_seconds: float = RUN_SECONDS


@dataclass(frozen=True)
class Going:
    """A snapshot that leaves, and when it arrived in storage."""

    id: str
    arrived_at: datetime


@dataclass(frozen=True)
class MachinePrune:
    """The result for a machine; ``going`` are the snapshots that leave, oldest first.

    ``current_bytes`` and ``noncurrent_bytes`` are measured before and after; those after are None when nothing was
    changed. ``planned`` is restic's plan of a dry run. ``freed_bytes`` of earlier versions were deleted for ever.
    ``problem`` is the result of the check afterwards, empty when the repository is sound.
    """

    machine: str
    outcome: PruneOutcome
    kept: int
    going: tuple[Going, ...] = ()
    findings: tuple[Finding, ...] = ()
    current_bytes_before: int = 0
    noncurrent_bytes_before: int = 0
    current_bytes_after: int | None = None
    noncurrent_bytes_after: int | None = None
    unused_bytes: int = 0
    freed_bytes: int = 0
    planned: PrunePlan | None = None
    problem: str = ""

    @property
    def is_well(self) -> bool:
        return self.outcome is not PruneOutcome.REFUSED and not self.problem
