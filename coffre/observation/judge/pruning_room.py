"""How much a pruning may write before it deletes, below the wall of its tenant. Pure.

In a versioned bucket a deleted pack stays as an earlier version, so a pruning frees nothing at first: it uses more, by
what it repacks. At the wall nothing is repacked, and only packs that nothing needs are deleted.
"""

from dataclasses import dataclass

from coffre.agents.pruning import PrunePlan

OVERHEAD_BYTES = 1024**2
"""For locks and small objects beside the new index; 64 KiB were too little (measured on Ceph 16)."""
LEAST_REPACKED_BYTES = 32 * 1024**2
"""Below two packs of restic's usual size a limit on repacking only costs time."""
SHARE = 2
"""A pruning takes at most one part in so many of the room below the wall: the machines go on writing."""


@dataclass(frozen=True)
class PruningRoom:
    """What a pruning may write again (None: no limit), and how far the wall is raised for it (0: not at all)."""

    most_repacked_bytes: int | None = None
    raised_bytes: int = 0


def find_pruning_room(plan: PrunePlan, index_bytes: int, free_bytes: int | None) -> PruningRoom:
    """Return the room for a plan without a limit; ``free_bytes`` are left below the wall (None: there is no wall).

    ``index_bytes`` are those of the present index: a pruning writes a new one before it deletes it.
    """
    if free_bytes is None:
        return PruningRoom()
    overhead_bytes = index_bytes + OVERHEAD_BYTES
    share = max(0, free_bytes) // SHARE
    if plan.written_bytes + overhead_bytes <= share:
        return PruningRoom()
    limit = share - overhead_bytes
    if limit < LEAST_REPACKED_BYTES:
        limit = 0
    needed = limit + overhead_bytes
    return PruningRoom(limit, needed if needed > free_bytes else 0)
