"""Finds the snapshots of a machine with the time at which each arrived."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from coffre.agents.repository import Part, RepositoryLayout, Snapshot, SnapshotList
from coffre.observation.judge.retention import Candidate
from coffre.records.memory import Memory
from coffre.storage.driver import Bucket


def list_arrivals(bucket: Bucket, layout: RepositoryLayout) -> dict[str, datetime]:
    """Return when each snapshot of a bucket arrived by storage's clock: the time of its oldest version.

    `coffre undelete` copies an object, so its newest version is younger than the snapshot. A name is the hash of its
    content, so every version of a key has the same one.
    """
    found: dict[str, datetime] = {}
    for version in bucket.list_versions(layout.prefix_of(Part.SNAPSHOTS)):
        named = layout.find(version.key)
        if named is not None and not version.is_marker:
            found[named.name] = min(version.modified_at, found.get(named.name, version.modified_at))
    return found


def list_candidates(listed: SnapshotList, arrivals: Mapping[str, datetime], memory: Memory) -> list[Candidate]:
    """Return the usable snapshots that storage has, as the rules of retention take them. Pure."""
    return [_candidate(each, arrivals[each.id], memory) for each in listed.usable if each.id in arrivals]


def _candidate(snapshot: Snapshot, stored_at: datetime, memory: Memory) -> Candidate:
    """Return a snapshot; where storage has only a later copy of it, with the time at which Coffre first saw it."""
    known = memory.snapshots.get(snapshot.id)
    found = Candidate(
        id=snapshot.id,
        taken_at=snapshot.taken_at,
        arrived_at=stored_at,
        group=(snapshot.host, snapshot.tags),
        run=snapshot.run,
        is_reported=known is not None and known.report_number is not None and not memory.is_of_other(known),
    )
    if known is None or known.seen_at >= stored_at or found.is_dated_honestly:
        return found
    return replace(found, arrived_at=known.seen_at)
