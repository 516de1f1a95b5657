"""Compares the listings of a repository and of its copy in bounded memory. Pure: it reads what it is given.

The listing of the source has any keys and any number of them: only keys that the agent would write are considered.
"""

import heapq
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import datetime

from coffre.agents.repository import Part, RepositoryLayout
from coffre.errors import RemoteError
from coffre.storage.values import ObjectFacts


class UnorderedListingError(RemoteError):
    """A platform does not list the keys in their order: what the copy has is taken for missing, and copied again."""


def of_part(listed: Iterable[ObjectFacts], layout: RepositoryLayout, part: Part) -> Iterator[ObjectFacts]:
    """Yield the objects of a part in the order of their keys, without foreign keys; raises UnorderedListingError."""
    last = ""
    for facts in listed:
        found = layout.find(facts.key)
        if found is None or found.part is not part:
            continue
        if facts.key <= last:
            raise UnorderedListingError(
                f"the platform lists {facts.key} after {last}, which is not the order of keys",
                "Check what is between this computer and the platform, and who runs it, before you trust its answers.",
            )
        last = facts.key
        yield facts


def pair_up(
    wanted: Iterable[ObjectFacts], there: Iterable[ObjectFacts]
) -> Iterator[tuple[ObjectFacts, ObjectFacts | None]]:
    """Yield each wanted object with the one of the same key in the copy, None without one; both in order of keys."""
    others = iter(there)
    other = next(others, None)
    for facts in wanted:
        while other is not None and other.key < facts.key:
            other = next(others, None)
        yield facts, other if other is not None and other.key == facts.key else None
    deque(others, maxlen=0)  # Only its end shows that it was in order.


class Held:
    """Objects held in bounded memory: those written last, or first, by the server's clock; the others are counted."""

    def __init__(self, limit: int, *, newest: bool) -> None:
        self._limit, self._sign = limit, 1 if newest else -1
        self._heap: list[tuple[float, str, int, datetime]] = []
        self.dropped = 0

    def offer(self, facts: ObjectFacts) -> None:
        rank = self._sign * facts.modified_at.timestamp()
        heapq.heappush(self._heap, (rank, facts.key, facts.size_bytes, facts.modified_at))
        if len(self._heap) > self._limit:
            heapq.heappop(self._heap)
            self.dropped += 1

    def in_order(self) -> list[ObjectFacts]:
        """Return the held objects in the order of their keys."""
        listed = [ObjectFacts(key, size_bytes, at, "") for _, key, size_bytes, at in self._heap]
        return sorted(listed, key=lambda facts: facts.key)
