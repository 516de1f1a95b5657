"""The requests that a look makes, and the same ones sent again: the floor of every look."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from unittest import mock

from coffre.outside.plain_http import Answer, PlainConnections

Request = tuple[str, Mapping[str, str]]
"""The target of a request, and its signed headers."""
Asked = dict[PlainConnections, list[Request]]
"""Requests by their connections."""


@contextmanager
def noted() -> Iterator[Asked]:
    """Note what is asked."""
    asked: Asked = defaultdict(list)
    ask = PlainConnections.get

    def note(connections: PlainConnections, target: str, headers: Mapping[str, str], *more: Any) -> Answer:
        asked[connections].append((target, headers))
        return ask(connections, target, headers, *more)

    with mock.patch.object(PlainConnections, "get", note):
        yield asked


def send(asked: Mapping[PlainConnections, Sequence[Request]], workers: int) -> None:
    """Send the same requests again, as many at a time as the look does."""
    with ThreadPoolExecutor(workers) as threads:
        for connections, each in asked.items():
            list(threads.map(lambda request, to=connections: to.get(*request, lambda _: 10**6, 60.0), each))
