"""Limits and checks for a platform's answers: bytes and time of one answer, pages of a listing, types of fields."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import urllib3

from coffre.outside.structured import WIDEST_NUMBER
from coffre.outside.web import EndlessAnswerError, read_whole
from coffre.storage.s3.faults import AbsurdAnswerError

ANSWER_BYTES = 16 * 1024**2
"""The largest answer without an object: 1000 names of 1024 bytes, each byte escaped as three."""
ANSWER_SECONDS = 300.0
"""The maximum duration of one such answer once it has begun."""
MAX_PAGES = 100_000
"""The longest listing: 100 million entries."""
MAX_NAME_LENGTH = 4096
VERSION_MARKERS = ("NextKeyMarker", "NextVersionIdMarker")
"""The fields of a page of ListObjectVersions with the start of the next one."""


def read_bounded(response: urllib3.BaseHTTPResponse, doing: str) -> bytes:
    """Return the whole body of an answer; AbsurdAnswerError beyond `ANSWER_BYTES` or `ANSWER_SECONDS`."""
    try:
        return read_whole(response, ANSWER_BYTES, ANSWER_SECONDS)
    except EndlessAnswerError:
        raise AbsurdAnswerError(doing, "it has no end") from None


class Progress:
    """Refuses a circular or endless listing; each listing has its own instance."""

    def __init__(self, doing: str, max_pages: int = MAX_PAGES) -> None:
        self._doing = doing
        self._max_pages = max_pages
        self._seen: set[int] = set()

    def go_on(self, *marker: object) -> None:
        """Take the marker of the next page; AbsurdAnswerError when it came before, or after too many pages."""
        place = hash(marker)
        if place in self._seen or len(self._seen) >= self._max_pages:
            raise AbsurdAnswerError(self._doing, "the listing is circular or has no end")
        self._seen.add(place)


def walk_pages(pages: Iterable[Mapping[str, Any]], doing: str, *markers: str) -> Iterator[Mapping[str, Any]]:
    """Yield botocore's pages of a listing; ``markers`` name the fields with the start of the next page."""
    progress = Progress(doing)
    for page in pages:
        yield page
        if page.get("IsTruncated"):
            progress.go_on(*(page.get(marker) for marker in markers))


@contextmanager
def reading(doing: str) -> Iterator[None]:
    """Turn the error of a missing or mistyped field inside the block into AbsurdAnswerError."""
    try:
        yield
    except (AttributeError, IndexError, KeyError, OverflowError, RecursionError, TypeError, ValueError) as problem:
        raise AbsurdAnswerError(doing, "a field is missing or has the wrong type") from problem


def count(value: object) -> int:
    """Return a platform's count of things or bytes; ValueError for anything else."""
    if type(value) is not int or not 0 <= value <= WIDEST_NUMBER:
        raise ValueError("no count")
    return value


def whole(value: object) -> int:
    """Return a platform's setting that may be negative (-1: none); ValueError for anything else."""
    if type(value) is not int or not -WIDEST_NUMBER <= value <= WIDEST_NUMBER:
        raise ValueError("no whole number")
    return value


def word(value: object) -> str:
    """Return a platform's name of something; ValueError for anything else."""
    if not isinstance(value, str) or len(value) > MAX_NAME_LENGTH:
        raise ValueError("no name")
    return value


def moment(value: datetime) -> datetime:
    """Return a platform's time in UTC; a time after the last calendar day becomes that day, which callers refuse."""
    if value.tzinfo is None:
        raise ValueError("no moment")
    try:
        return value.astimezone(UTC)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)
