"""A restore with SMILÉO's key, to a directory here; the use of the customer's password is recorded first."""

import os
from collections.abc import Callable
from pathlib import Path

from coffre.agents.restic.repository import RestoreSummary, Snapshot
from coffre.errors import RefusedError, UsageError
from coffre.operations.repositories import open_repository
from coffre.operations.service import Service


def restore_to_directory(
    service: Service,
    machine: str,
    target: Path,
    *,
    snapshot: str,
    path: str | None,
    on_progress: Callable[[float], None],
) -> tuple[Snapshot, RestoreSummary]:
    """Restore a snapshot (an id, or "latest"), or one path of it, into a directory that is new or empty.

    Nothing is ever written over: a directory that holds anything is refused.
    """
    service.machine(machine)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise RefusedError(f"{target} is not an empty directory", "Name a new directory: a restore never overwrites.")
    repository = open_repository(service, machine, f"restore {snapshot} to {target}")
    chosen = choose_snapshot(repository.snapshots(), snapshot, machine)
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    summary = repository.restore(chosen.id, target, includes=[path] if path else [], on_progress=on_progress)
    if path is not None and not os.path.lexists(target / path.lstrip("/")):
        raise UsageError(f"snapshot {chosen.id[:8]} of {machine} has no {path}", "Write the path as on the machine.")
    return chosen, summary


def choose_snapshot(snapshots: list[Snapshot], wanted: str, machine: str) -> Snapshot:
    """Return the snapshot that is meant: the newest for "latest", else the one whose id begins so. Pure."""
    if not snapshots:
        raise UsageError(f"{machine} has no snapshot yet", "Run `coffre backup` first.")
    by_age = sorted(snapshots, key=lambda snapshot: snapshot.taken_at)
    if wanted == "latest":
        return by_age[-1]
    found = [snapshot for snapshot in by_age if snapshot.id.startswith(wanted)]
    if len(found) == 1:
        return found[0]
    listed = ", ".join(f"{snapshot.id[:8]} ({snapshot.taken_at:%Y-%m-%d %H:%M} UTC)" for snapshot in by_age[-10:])
    problem = "no snapshot" if not found else f"{len(found)} snapshots"
    raise UsageError(f"{machine} has {problem} beginning with {wanted!r}", f"The last ones are {listed}.")
