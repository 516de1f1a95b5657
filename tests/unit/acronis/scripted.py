"""A server on TLS that answers with the bytes that a test gives it, whatever they are, and keeps what it was asked."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from coffre_lab.ceph.certificates import issue

from coffre.outside.door import join

TOKEN = "the-access-token-of-the-client"
TOKEN_ANSWER = f'{{"access_token": "{TOKEN}", "token_type": "bearer", "expires_in": 7200}}'.encode()


@dataclass(frozen=True)
class Asked:
    """A request."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


Script = Callable[[Asked], bytes | Iterable[bytes]]


@dataclass
class ScriptedServer:
    """The server; ``script`` answers what is no request for a token, in raw bytes of HTTP."""

    url: str
    ca_file: Path
    script: Script = lambda _: answer(b"{}")
    asked: list[Asked] = field(default_factory=list, repr=False)

    def targets(self) -> list[str]:
        """Return what was asked for, without tokens."""
        return [each.target for each in self.asked if not each.target.endswith("/idp/token")]


def answer(body: bytes, status: int = 200, content_type: str = "application/json", **headers: str) -> bytes:
    """Return a whole answer; ``_`` in the name of a header is a hyphen."""
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 {status} Said\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


def ending(content: bytes) -> Iterator[bytes]:
    """Answer with these bytes, and end the connection."""
    yield content
    raise ConnectionAbortedError


@contextmanager
def scripted_server(folder: Path, host: str = "127.0.0.1", named: str | None = None) -> Iterator[ScriptedServer]:
    """Run a server for the time of the block. ``named`` is the address of its certificate."""
    ca_pem, server_pem = issue([named or host], datetime.now(UTC))
    (folder / "ca.pem").write_text(ca_pem, encoding="utf-8")
    (folder / "server.pem").write_text(server_pem, encoding="utf-8")
    trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trusted.load_cert_chain(folder / "server.pem")
    listening = socket.create_server((host, 0))
    server = ScriptedServer(f"https://{host}:{listening.getsockname()[1]}", folder / "ca.pem")
    threading.Thread(target=_accept, args=(server, listening, trusted), daemon=True).start()
    try:
        yield server
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()


def _accept(server: ScriptedServer, listening: socket.socket, trusted: ssl.SSLContext) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listening.accept()
            threading.Thread(target=_serve, args=(server, connection, trusted), daemon=True).start()


def _serve(server: ScriptedServer, connection: socket.socket, trusted: ssl.SSLContext) -> None:
    with contextlib.suppress(OSError), trusted.wrap_socket(connection, server_side=True) as tls:
        while (asked := _read(tls)) is not None:
            server.asked.append(asked)
            said = answer(TOKEN_ANSWER) if asked.target.endswith("/idp/token") else server.script(asked)
            for piece in (said,) if isinstance(said, bytes) else said:
                tls.sendall(piece)


def _read(tls: ssl.SSLSocket) -> Asked | None:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = tls.recv(65536)
        if not piece:
            return None
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", "0")):
        body += tls.recv(65536)
    return Asked(method, target, headers, body)


@contextmanager
def tunnelling_proxy(port: int) -> Iterator[tuple[int, list[str]]]:
    """Run a proxy that leads every tunnel to a port of loopback; give its own port, and the heads that it was sent."""
    listening, heads = socket.create_server(("127.0.0.1", 0)), list[str]()

    def serve(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(1)
            heads.append(head.decode())
            inner = socket.create_connection(("127.0.0.1", port))
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            join(connection, inner)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listening.getsockname()[1], heads
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
