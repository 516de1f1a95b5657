"""Finds objects of a repository that were overwritten: nothing of SMILÉO's ever does that with other content. Pure.

The name of each object is the hash of its content, so a second version with another content is somebody else's.
Bringing a repository back (`coffre undelete`) copies versions as they are, and pruning only hides them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from coffre.agents.repository import Part, RepositoryLayout
from coffre.storage.values import ObjectVersion

PARTS = frozenset({Part.DATA, Part.INDEX, Part.SNAPSHOTS, Part.KEYS})
MAX_VERSIONS = 500_000
"""More versions of one listing are not looked at; a flood is a finding of its own."""


@dataclass(frozen=True)
class Overwritten:
    """How many objects have versions of different content, the key of one, and when the first of them was written."""

    count: int = 0
    key: str | None = None
    at: datetime | None = None


def find_overwritten(versions: Iterable[ObjectVersion], layout: RepositoryLayout) -> Overwritten:
    """Return the overwritten objects among versions that come key by key."""
    count, first_key, first_at = 0, None, None
    for key, group in groupby(_bounded(versions), key=lambda each: each.key):
        there = sorted((each for each in group if not each.is_marker), key=lambda each: each.modified_at)
        found = layout.find(key) if len(there) > 1 else None
        if found is None or found.part not in PARTS:
            continue
        other = next((each for each in there[1:] if _differs(there[0], each)), None)
        if other is not None:
            count += 1
            if first_at is None or other.modified_at < first_at:
                first_key, first_at = key, other.modified_at
    return Overwritten(count, first_key, first_at)


def _bounded(versions: Iterable[ObjectVersion]) -> Iterator[ObjectVersion]:
    for number, each in enumerate(versions):
        if number == MAX_VERSIONS:
            return
        yield each


def _differs(first: ObjectVersion, later: ObjectVersion) -> bool:
    """Tell whether the content differs; a copy of an object that came in parts has another ETag all the same."""
    if first.size_bytes != later.size_bytes:
        return True
    return "-" not in first.etag and first.etag != later.etag
