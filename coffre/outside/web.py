"""Connections to one web server, and answers of it that end: what every client of a remote API shares."""

import time
from typing import Any
from urllib.parse import urlsplit

import urllib3

from coffre.outside.proxies import find_proxy

_CHUNK_BYTES = 64 * 1024


class EndlessAnswerError(Exception):
    """An answer is larger or lasts longer than any true one."""


def pool_of(url: str, **settings: Any) -> urllib3.HTTPConnectionPool:
    """Return the connections to one host, through its proxy if there is one."""
    proxy = find_proxy(url)
    if proxy is None:
        return urllib3.connection_from_url(url, **settings)
    parts = urlsplit(url)
    manager = urllib3.ProxyManager(f"http://{proxy.host}:{proxy.port}", proxy_headers=proxy.headers, **settings)
    return manager.connection_from_host(parts.hostname, parts.port, parts.scheme)


def read_whole(response: urllib3.BaseHTTPResponse, limit_bytes: int, limit_seconds: float) -> bytes:
    """Return the whole body of an answer; EndlessAnswerError beyond a limit."""
    content, until = bytearray(), time.monotonic() + limit_seconds
    while chunk := response.read1(_CHUNK_BYTES):
        content += chunk
        if len(content) > limit_bytes or time.monotonic() > until:
            response.close()
            raise EndlessAnswerError
    return bytes(content)
