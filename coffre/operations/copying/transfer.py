"""Moves objects from one bucket to another, several at a time, each checked against the hash in its name."""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from coffre.errors import RemoteError
from coffre.operations.copying.pace import Pace
from coffre.outside.faults import Fault
from coffre.records.facts.backups import CopyFault
from coffre.storage.driver import Bucket
from coffre.storage.values import BucketGoneError, Unusable

READERS = 4
MAX_WAITING = 2 * READERS
"""How many objects are under way or finished before the first of them is finished."""
ATTEMPTS = 2
"""How often an object is read while its platform answers: one damaged there breaks off like a platform that is away."""
MAX_IN_FLIGHT_BYTES = 256 * 1024**2
"""The maximum of all objects under way together; a single larger one goes alone."""


@dataclass(frozen=True)
class Missing:
    """An object that the copy lacks; ``sha256`` is the hash in its name, empty for a name without one."""

    key: str
    size_bytes: int
    sha256: str


Take = Callable[[Missing, CopyFault | None], None]
"""Gets the result of each object: None when the copy has it now."""


class Transfer:
    """Copies objects with several readers; nothing is written that does not match the hash in its name."""

    def __init__(self, source: Bucket, target: Bucket, pace: Pace) -> None:
        self._source, self._target, self._pace = source, target, pace

    def copy_all(self, objects: Iterable[Missing], take: Take) -> None:
        """Copy objects and return when all are copied; ``take`` gets each result, in order.

        An error of a platform ends it, after the objects under way, whose results ``take`` also gets.
        """
        under_way: deque[tuple[Missing, Future[CopyFault | None]]] = deque()
        with ThreadPoolExecutor(READERS, thread_name_prefix="copy") as readers:
            try:
                for each in objects:
                    while under_way and not _has_room([other.size_bytes for other, _ in under_way], each.size_bytes):
                        _take_first(under_way, take)
                    self._pace.wait(each.size_bytes)
                    under_way.append((each, readers.submit(self._copy, each)))
                while under_way:
                    _take_first(under_way, take)
            finally:
                readers.shutdown(cancel_futures=True)
                for each, copied in under_way:
                    if not copied.cancelled() and copied.exception() is None:
                        take(each, copied.result())

    def _copy(self, each: Missing) -> CopyFault | None:
        content = self._read(each)
        if isinstance(content, CopyFault):
            return content
        if each.sha256 and hashlib.sha256(content).hexdigest() != each.sha256:
            return CopyFault.ALTERED
        self._target.put(each.key, content)
        return None

    def _read(self, each: Missing) -> bytes | CopyFault:
        """Read an object up to its listed size: whoever overwrites it meanwhile takes no more memory than that."""
        for _ in range(ATTEMPTS):
            try:
                content = self._source.find(each.key, each.size_bytes)
            except BucketGoneError:
                raise
            except RemoteError:
                # A platform that is away or refuses the key does so here too: then it is no fault of the object.
                self._source.probe_server_time()
                continue
            if content is None:
                return CopyFault.GONE
            if isinstance(content, Unusable):
                return CopyFault.ALTERED if content.fault is Fault.TOO_LARGE else CopyFault.UNREADABLE
            return content
        return CopyFault.UNREADABLE


def _has_room(sizes_bytes: list[int], more_bytes: int) -> bool:
    return len(sizes_bytes) < MAX_WAITING and sum(sizes_bytes) + more_bytes <= MAX_IN_FLIGHT_BYTES


def _take_first(under_way: deque[tuple[Missing, Future[CopyFault | None]]], take: Take) -> None:
    each, copied = under_way[0]
    fault = copied.result()
    under_way.popleft()
    take(each, fault)
