"""What a platform answers, bounded: bytes and time of one answer, pages of a listing, and what its fields may be."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import urllib3

from coffre.outside.structured import WIDEST_NUMBER
from coffre.storage.ceph.api.faults import AbsurdAnswerError

ANSWER_BYTES = 16 * 1024**2
"""The largest answer that is no object: 1000 names of 1024 bytes, each byte written in three."""
ANSWER_SECONDS = 300.0
"""How long one such answer may take once it has begun."""
MAX_PAGES = 100_000
"""The longest listing: 100 million entries."""
MAX_NAME_LENGTH = 4096

_CHUNK_BYTES = 64 * 1024


def read_bounded(response: urllib3.BaseHTTPResponse, doing: str) -> bytes:
    """Return the whole body of an answer; AbsurdAnswerError past `ANSWER_BYTES` or `ANSWER_SECONDS`."""
    content, until = bytearray(), time.monotonic() + ANSWER_SECONDS
    while chunk := response.read1(_CHUNK_BYTES):
        content += chunk
        if len(content) > ANSWER_BYTES or time.monotonic() > until:
            response.close()
            raise AbsurdAnswerError(doing, "it has no end")
    return bytes(content)


class Progress:
    """Refuses a listing that goes round in a circle or has no end; one is made for each listing."""

    def __init__(self, doing: str) -> None:
        self._doing = doing
        self._seen: set[int] = set()

    def go_on(self, *marker: object) -> None:
        """Take where the next page begins; AbsurdAnswerError when that was there before, or after too many pages."""
        place = hash(marker)
        if place in self._seen or len(self._seen) >= MAX_PAGES:
            raise AbsurdAnswerError(self._doing, "it says that there is more, and gives the same again, or for ever")
        self._seen.add(place)


def walk_pages(pages: Iterable[Mapping[str, Any]], doing: str, *markers: str) -> Iterator[Mapping[str, Any]]:
    """Yield botocore's pages of a listing; ``markers`` name where the next one begins."""
    progress = Progress(doing)
    for page in pages:
        yield page
        if page.get("IsTruncated"):
            progress.go_on(*(page.get(marker) for marker in markers))


@contextmanager
def reading(doing: str) -> Iterator[None]:
    """Turn what a missing field, or one of another type, raises inside the block into AbsurdAnswerError."""
    try:
        yield
    except (AttributeError, IndexError, KeyError, OverflowError, RecursionError, TypeError, ValueError) as problem:
        raise AbsurdAnswerError(doing, "a field is missing, or of another kind") from problem


def count(value: object) -> int:
    """Return a number of things or bytes as a platform tells it; ValueError for anything else."""
    if type(value) is not int or not 0 <= value <= WIDEST_NUMBER:
        raise ValueError("no count")
    return value


def whole(value: object) -> int:
    """Return a setting that may be negative (-1: none); ValueError for anything else."""
    if type(value) is not int or not -WIDEST_NUMBER <= value <= WIDEST_NUMBER:
        raise ValueError("no whole number")
    return value


def word(value: object) -> str:
    """Return a name as a platform tells it; ValueError for anything else."""
    if not isinstance(value, str) or len(value) > MAX_NAME_LENGTH:
        raise ValueError("no name")
    return value


def moment(value: datetime) -> datetime:
    """Return a time as a platform tells it, in UTC; one past the calendar is its end, which nobody believes."""
    if value.tzinfo is None:
        raise ValueError("no moment")
    try:
        return value.astimezone(UTC)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)
