"""The connections to one host: httpx over a pool whose every wait ends at one moment, however slowly bytes drip in.

httpx bounds each wait for a piece, not all of them together; the stream here does.
"""

import logging
import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Any

import httpcore
import httpx

import coffre
from coffre.errors import InvalidFileError
from coffre.outside.proxies import Proxy, find_proxy

USER_AGENT = f"coffre/{coffre.__version__} (managed backup provisioning)"
"""The vendor asks its callers to say who they are: it eases its support."""

CONNECT_SECONDS = 10.0
READ_SECONDS = 30.0
_CONNECTIONS = 8
"""The vendor limits calls by the address they come from."""

_until: ContextVar[float] = ContextVar("coffre_acronis_until", default=float("inf"))

for _name in ("httpx", "httpcore"):
    # They log addresses, with logins in them, and headers.
    logging.getLogger(_name).setLevel(logging.WARNING)


@contextmanager
def ending_within(seconds: float) -> Iterator[None]:
    """End every wait for the network in the block so many seconds from now, in this thread."""
    token = _until.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _until.reset(token)


def open_connections(url: str, ca_file: Path | None) -> httpx.Client:
    """Return a client for one host, through its proxy if there is one; InvalidFileError for an unusable CA file.

    It follows no redirect, keeps no cookie, and reads nothing from the environment but the proxy.
    """
    return httpx.Client(
        transport=_Pool(find_proxy(url), _trust(ca_file)),
        headers={"User-Agent": USER_AGENT, "Accept-Encoding": "gzip"},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
        follow_redirects=False,
        trust_env=False,
    )


def _trust(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise InvalidFileError(
            f"the CA file of the Acronis data center cannot be used: {ca_file} ({error.strerror or 'no certificate'})",
            "Name a PEM file of certificates there.",
        ) from error


def _left(seconds: float | None, ended: type[Exception]) -> float:
    left = _until.get() - time.monotonic()
    if left <= 0:
        raise ended("its answer takes too long")
    return left if seconds is None else min(left, seconds)


class _Stream(httpcore.NetworkStream):
    """A stream that ends its waits in time."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Network(httpcore.SyncBackend):
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _Stream(super().connect_tcp(host, port, left, local_address, socket_options))


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        yield from self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()


class _Pool(httpx.BaseTransport):
    """httpcore's pool with this module's streams; its errors stay httpcore's."""

    def __init__(self, proxy: Proxy | None, trusted: ssl.SSLContext) -> None:
        self._pool = _make_pool(proxy, trusted)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        answer = self._pool.handle_request(
            httpcore.Request(
                request.method,
                httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer), extensions=answer.extensions)

    def close(self) -> None:
        self._pool.close()


def _make_pool(proxy: Proxy | None, trusted: ssl.SSLContext) -> httpcore.ConnectionPool:
    settings: dict[str, Any] = {
        "ssl_context": trusted,
        "max_connections": _CONNECTIONS,
        "max_keepalive_connections": _CONNECTIONS,
        "keepalive_expiry": 30.0,
        "network_backend": _Network(),
    }
    if proxy is None:
        return httpcore.ConnectionPool(**settings)
    return httpcore.HTTPProxy(
        f"http://{_bracketed(proxy.host)}:{proxy.port}", proxy_headers=list(proxy.headers.items()), **settings
    )


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
