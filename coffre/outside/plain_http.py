"""Many small questions to one web server, over kept connections and in the plainest form of HTTP/1.1.

A question costs a tenth of the work of a whole client. Whatever is not plain (an answer without a length, a closed
connection, a redirect) is left to such a client: `NotPlainError` says so.
"""

import re
import socket
import ssl
import time
import weakref
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from coffre.outside.proxies import find_proxy
from coffre.outside.web import EndlessAnswerError

_CHUNK_BYTES = 64 * 1024
_HEAD_BYTES = 32 * 1024
"""The largest head of an answer: those of S3 have less than 2 KiB."""
_END_OF_HEAD = b"\r\n\r\n"
_STATUS_LINE = re.compile(rb"HTTP/1\.1 ([2-4][0-9]{2}) [^\r\n]*")
_UNSAFE = re.compile(r"[^\x21-\x7e]")
"""What can be no part of a target: it would end the line of the request."""


class NotPlainError(Exception):
    """The answer, or the connection, is not of the plainest kind: a whole client is to ask again."""


@dataclass(frozen=True)
class Answer:
    """An answer; the names of its headers are in lower case. ``body`` is None when it is longer than its limit."""

    status: int
    headers: Mapping[str, str]
    body: bytes | None


class PlainConnections:
    """Kept connections to one server, without a proxy; safe to use from many threads."""

    def __init__(self, url: str, trusted: ssl.SSLContext | None, connect_seconds: float, read_seconds: float) -> None:
        parts = urlsplit(url)
        self._host, self._trusted = parts.hostname or "", trusted
        self._port = parts.port or (80 if trusted is None else 443)
        self._authority = parts.netloc.rpartition("@")[2]
        self._connect_seconds, self._read_seconds = connect_seconds, read_seconds
        self._is_direct = find_proxy(url) is None
        self._kept: deque[socket.socket] = deque()
        weakref.finalize(self, _close_all, self._kept)

    def get(
        self,
        target: str,
        headers: Mapping[str, str],
        limit_bytes: Callable[[int], int],
        limit_seconds: float,
    ) -> Answer:
        """Ask once; ``limit_bytes`` gives the longest body of an answer with that status.

        NotPlainError: to be asked by a whole client. TimeoutError: the server gave no answer in time.
        EndlessAnswerError: the answer lasts longer than its limit.
        """
        if not self._is_direct:
            raise NotPlainError
        request = _write(target, {"Host": self._authority, **headers})
        connection = self._open()
        try:
            answer, is_kept = _exchange(connection, request, limit_bytes, time.monotonic() + limit_seconds)
        except (OSError, NotPlainError, EndlessAnswerError) as problem:
            connection.close()
            if isinstance(problem, TimeoutError | EndlessAnswerError | NotPlainError):
                raise
            raise NotPlainError from problem
        if is_kept:
            self._kept.append(connection)
        else:
            connection.close()
        return answer

    def _open(self) -> socket.socket:
        try:
            return self._kept.pop()
        except IndexError:
            pass
        try:
            connection = socket.create_connection((self._host, self._port), self._connect_seconds)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._trusted is not None:
                connection = self._trusted.wrap_socket(connection, server_hostname=self._host)
            connection.settimeout(self._read_seconds)
        except (OSError, ValueError) as problem:
            raise NotPlainError from problem  # the whole client says why
        return connection


def _close_all(kept: deque[socket.socket]) -> None:
    while kept:
        kept.pop().close()


def _write(target: str, headers: Mapping[str, str]) -> bytes:
    if _UNSAFE.search(target) or any("\r" in each or "\n" in each for pair in headers.items() for each in pair):
        raise ValueError("a part of the request would end its line")
    lines = [f"GET {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _exchange(
    connection: socket.socket, request: bytes, limit_bytes: Callable[[int], int], until: float
) -> tuple[Answer, bool]:
    """Return the answer, and whether the connection can be used again."""
    connection.sendall(request)
    received = bytearray()
    while (end := received.find(_END_OF_HEAD)) < 0:
        if len(received) > _HEAD_BYTES:
            raise NotPlainError
        received += _receive(connection, until)
    status, headers = _read_head(bytes(received[:end]))
    body = received[end + len(_END_OF_HEAD) :]
    length = int(headers["content-length"])
    if length > limit_bytes(status):
        return Answer(status, headers, None), False
    while len(body) < length:
        body += _receive(connection, until)
    if len(body) > length:
        raise NotPlainError  # more than was asked for: nothing that follows on this connection can be trusted
    return Answer(status, headers, bytes(body)), headers.get("connection", "").lower() != "close"


def _receive(connection: socket.socket, until: float) -> bytes:
    if time.monotonic() > until:
        raise EndlessAnswerError
    received = connection.recv(_CHUNK_BYTES)
    if not received:
        raise NotPlainError
    return received


def _read_head(head: bytes) -> tuple[int, dict[str, str]]:
    """Read a status and headers; NotPlainError unless the body has a stated length and no coding. Pure."""
    first, *lines = head.split(b"\r\n")
    found = _STATUS_LINE.fullmatch(first)
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon or name.lower() in headers:
            raise NotPlainError
        headers[name.lower()] = value.strip(" \t")
    length = headers.get("content-length", "")
    is_plain = length.isascii() and length.isdigit() and len(length) < 20
    if found is None or not is_plain or "transfer-encoding" in headers or "content-encoding" in headers:
        raise NotPlainError
    return int(found[1]), headers
