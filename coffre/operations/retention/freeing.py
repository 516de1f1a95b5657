"""Deletes for ever what earlier prunings removed from a repository, when a person agrees to it.

Until `undelete_days` pass, the packs of a pruning stay as earlier versions, and `coffre undelete` brings them back. On
a full tenant that room may be needed at once. Besides the erasure at the end of a contract, nothing else deletes
customer data; what a machine or an attacker overwrote is not touched here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from coffre.agents.repository import Part, RepositoryLayout
from coffre.errors import ExpectedError
from coffre.records.facts.retention import PruningBegan, PruningEnded
from coffre.storage.values import MAX_DELETED, ObjectVersion
from coffre.tenant.estate.log import Log
from coffre.tenant.opening import OpenTenant
from coffre.workspace import fence

_PARTS = (Part.DATA, Part.INDEX)
_CLOCKS = timedelta(minutes=2)
"""How far the records' clock and storage's may differ."""


@dataclass(frozen=True)
class Window:
    """A time in which a machine was pruned."""

    begins_at: datetime
    ends_at: datetime

    def has(self, moment: datetime) -> bool:
        return self.begins_at - _CLOCKS <= moment <= self.ends_at + _CLOCKS


def list_windows(log: Log, machine: str, now: datetime) -> list[Window]:
    """Return the times in which a machine was pruned; one without an end lasts until now."""
    found: list[Window] = []
    began: datetime | None = None
    for each in log.list((PruningBegan, PruningEnded), machine):
        if isinstance(each.fact, PruningBegan):
            began = began or each.at
        elif began is not None:
            found.append(Window(began, each.at))
            began = None
    return [*found, Window(began, now)] if began is not None else found


def list_pruned(
    versions: Iterator[ObjectVersion], layout: RepositoryLayout, windows: Sequence[Window]
) -> Iterator[ObjectVersion]:
    """Yield the versions and markers of packs and index files that prunings removed. Pure.

    ``versions`` have those of each key in a row, newest first.
    """
    for key, history in groupby(versions, key=lambda each: each.key):
        found = layout.find(key)
        if found is None or found.part not in _PARTS:
            continue
        of_key = list(history)
        newest = of_key[0]
        if newest.is_marker and newest.is_latest and any(each.has(newest.modified_at) for each in windows):
            yield from of_key


def free_pruned(opened: OpenTenant, machine: str, layout: RepositoryLayout, now: datetime) -> int:
    """Delete for ever what earlier prunings removed; returns the freed bytes. May be killed and run again.

    The caller has recorded a person's word, and refuses a tenant under a hold.
    """
    windows = list_windows(opened.log, machine, now)
    bucket = opened.buckets.open(machine)
    eraser = opened.storage.open_eraser(bucket.name, opened.buckets.owner_key())
    freed_bytes = 0
    batch: list[ObjectVersion] = []
    for version in list_pruned(eraser.walk_versions(), layout, windows):
        batch.append(version)
        if len(batch) == MAX_DELETED:
            freed_bytes += _delete(opened, machine, batch)
            batch = []
    return freed_bytes + (_delete(opened, machine, batch) if batch else 0)


def _delete(opened: OpenTenant, machine: str, versions: Sequence[ObjectVersion]) -> int:
    fence.check()
    bucket = opened.buckets.open(machine)
    eraser = opened.storage.open_eraser(bucket.name, opened.buckets.owner_key())
    refused = eraser.delete_versions(versions)
    if refused:
        raise ExpectedError(
            f"{opened.tenant.slug}/{machine}: the platform refuses to delete {len(refused)} earlier versions "
            f"({refused[0].code})",
            f"Check the policy and the locks of bucket {bucket.name}.",
        )
    return sum(each.size_bytes for each in versions)
