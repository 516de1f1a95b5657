"""The requests that a look makes, and the same ones sent again: the floor of every look."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from unittest import mock

import urllib3

from coffre.outside.plain_http import Answer, PlainConnections

Ask = Callable[[], object]
"""Sends one signed request again, and reads its answer."""


@contextmanager
def noted() -> Iterator[list[Ask]]:
    """Note what is asked, over connections of both kinds."""
    asked: list[Ask] = []
    ask_plainly, ask_whole = PlainConnections.get, urllib3.HTTPConnectionPool.urlopen

    def plainly(connections: PlainConnections, target: str, headers: Mapping[str, str], *more: Any) -> Answer:
        asked.append(lambda: connections.get(target, headers, lambda _: 10**6, 60.0))
        return ask_plainly(connections, target, headers, *more)

    def whole(pool: urllib3.HTTPConnectionPool, method: str, target: str, **options: Any) -> urllib3.BaseHTTPResponse:
        assert options.get("body") is None, "a look writes nothing"
        headers = options.get("headers")
        asked.append(lambda: pool.request(method, target, headers=headers).data)
        return ask_whole(pool, method, target, **options)

    with (
        mock.patch.object(PlainConnections, "get", plainly),
        mock.patch.object(urllib3.HTTPConnectionPool, "urlopen", whole),
    ):
        yield asked


def send(asked: Sequence[Ask], workers: int) -> None:
    """Send the same requests again, as many at a time as the look does."""
    with ThreadPoolExecutor(workers) as threads:
        list(threads.map(lambda ask: ask(), asked))
