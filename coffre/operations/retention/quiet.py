"""Makes a machine's repository quiet for a pruning: waits for what is going on there, then closes the gate."""

import time
from collections.abc import Callable
from datetime import timedelta

from coffre.agents.pruning import RepositoryPruner
from coffre.agents.repository import Part, RepositoryLayout
from coffre.errors import BusyError
from coffre.operations.access.gate import close_for_maintenance, settle_gate_of
from coffre.storage.driver import Bucket
from coffre.tenant.opening import OpenTenant

OnProgress = Callable[[str], None]

POLL_SECONDS = 5.0
UNLOCK_SECONDS = 60.0
"""How often the locks of dead programs are removed during the wait."""
LIVE = timedelta(minutes=31)
"""restic writes its lock again every 5 minutes; one that is 30 minutes old is abandoned."""


def make_quiet(
    opened: OpenTenant,
    machine: str,
    pruner: RepositoryPruner,
    layout: RepositoryLayout,
    wait_seconds: float,
    on_progress: OnProgress,
) -> None:
    """Return with the gate closed and no program at work in the repository; a running backup is never interrupted.

    BusyError when one still runs after ``wait_seconds``: the gate is then as it was.
    """
    bucket, ends_at = opened.buckets.open(machine), time.monotonic() + wait_seconds
    while True:
        _wait(bucket, pruner, layout, ends_at, on_progress, f"{opened.tenant.slug}/{machine}")
        close_for_maintenance(opened.buckets, opened.log, machine)
        if not count_live_locks(bucket, layout):
            return
        # It began before the gate was closed: behind it, it could not end.
        open_again(opened)


def open_again(opened: OpenTenant) -> None:
    """Let every gate of the tenant follow its quota again."""
    settle_gate_of(opened, lambda _machine, _refused: None)


def count_live_locks(bucket: Bucket, layout: RepositoryLayout) -> int:
    """Count the locks that a living program may hold, by storage's clock."""
    now = bucket.probe_server_time()
    locks = [each for each in bucket.walk_objects(layout.prefix_of(Part.LOCKS)) if layout.find(each.key) is not None]
    return sum(1 for each in locks if now - each.modified_at < LIVE)


def _wait(
    bucket: Bucket,
    pruner: RepositoryPruner,
    layout: RepositoryLayout,
    ends_at: float,
    on_progress: OnProgress,
    where: str,
) -> None:
    """Wait until no program holds a lock."""
    unlock_at = 0.0
    while True:
        if count_live_locks(bucket, layout) == 0:
            return
        now = time.monotonic()
        if now >= unlock_at:
            # Only those whose program has died here, or that are old: a living one's stays.
            pruner.unlock()
            unlock_at = now + UNLOCK_SECONDS
            continue
        if now >= ends_at:
            raise BusyError(
                f"{where}: another program works on its repository, probably a backup",
                "Nothing was changed. Run the same command again later, or give it more time: `--wait MINUTES`.",
            )
        on_progress("waiting for a running backup to end")
        time.sleep(min(POLL_SECONDS, max(0.0, ends_at - now)))
