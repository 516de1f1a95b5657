"""The plain connections on a real server: what they take, what they leave to a whole client, and their bounds."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from coffre.outside.plain_http import Answer, NotPlainError, PlainConnections
from coffre.outside.web import EndlessAnswerError

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
LIMIT_BYTES, PATIENCE_SECONDS = 100, 10.0


@dataclass
class Server:
    """A server that gives each request the next of its answers, as they are, and counts its connections."""

    url: str = ""
    answers: list[bytes] = field(default_factory=list)
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    closes: bool = False


@pytest.fixture
def server() -> Iterator[Server]:
    server, listening = Server(), socket.create_server(("127.0.0.1", 0))
    server.url = f"http://127.0.0.1:{listening.getsockname()[1]}"

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listening.accept()
                server.connections += 1
                with connection, contextlib.suppress(OSError):
                    answer_all(server, connection)

    threading.Thread(target=serve, daemon=True).start()
    yield server
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()


def answer_all(server: Server, connection: socket.socket) -> None:
    while request := connection.recv(10_000):
        server.requests.append(request)
        connection.sendall(server.answers.pop(0))
        if server.closes or not server.answers:
            return


def ask(server: Server, connections: PlainConnections | None = None, seconds: float = PATIENCE_SECONDS) -> Answer:
    connections = connections or PlainConnections(server.url, None, 5, PATIENCE_SECONDS)
    return connections.get("/a?b=c", {"x-one": "1"}, lambda _: LIMIT_BYTES, seconds)


def test_an_answer_is_read_and_its_connection_kept(server: Server) -> None:
    server.answers = [OK, OK.replace(b"200 OK", b"404 Not Found"), OK]
    connections = PlainConnections(server.url, None, 5, PATIENCE_SECONDS)
    assert ask(server, connections) == Answer(200, {"content-length": "2"}, b"hi")
    assert ask(server, connections).status == 404
    host = server.url.removeprefix("http://")
    assert server.requests[0] == f"GET /a?b=c HTTP/1.1\r\nHost: {host}\r\nx-one: 1\r\n\r\n".encode()
    assert server.connections == 1


def test_a_connection_that_is_closed_afterwards_is_not_kept(server: Server) -> None:
    closing = OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    server.answers, server.closes = [closing, closing], True
    connections = PlainConnections(server.url, None, 5, PATIENCE_SECONDS)
    assert [ask(server, connections).body for _ in range(2)] == [b"hi", b"hi"]
    assert server.connections == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Encoding: gzip\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\nContent-Length: ²\r\n\r\nhi".encode("latin-1"),
        b"HTTP/1.1 200 OK\r\n\r\nhi",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n" + OK,
        b"HTTP/1.1 503 Slow down\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nnothing\r\n\r\nhi",
        OK + b"HTTP/1.1 200 OK",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi",
        b"x" * 40_000,
        b"",
    ],
    ids=lambda answer: repr(answer[:48]),
)
def test_what_is_not_plain_is_left_to_a_whole_client(server: Server, answer: bytes) -> None:
    server.answers, server.closes = [answer, OK], True
    connections = PlainConnections(server.url, None, 5, PATIENCE_SECONDS)
    with pytest.raises(NotPlainError):
        ask(server, connections)
    assert ask(server, connections).body == b"hi"
    assert server.connections == 2


def test_nobody_who_listens_is_for_a_whole_client_to_explain(server: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        nowhere = f"http://127.0.0.1:{other.getsockname()[1]}"
    with pytest.raises(NotPlainError):
        ask(server, PlainConnections(nowhere, None, 5, PATIENCE_SECONDS))


def test_a_body_beyond_its_limit_is_not_read(server: Server) -> None:
    server.answers = [b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\nhi", OK]
    assert ask(server).body is None


def test_an_answer_that_drips_for_ever_ends(server: Server) -> None:
    server.answers = [OK, OK]
    with pytest.raises(EndlessAnswerError):
        ask(server, seconds=-1)


def test_a_server_that_says_nothing_is_waited_for_once(server: Server) -> None:
    server.answers = [b"HTTP/1.1 200", b""]
    with pytest.raises(TimeoutError):
        ask(server, PlainConnections(server.url, None, 5, 0.2))


@pytest.mark.parametrize("target", ["/a b", "/a\r\nx: y", "/é", "/a\n"])
def test_a_target_cannot_end_its_line(server: Server, target: str) -> None:
    connections = PlainConnections(server.url, None, 5, PATIENCE_SECONDS)
    with pytest.raises(ValueError, match="end its line"):
        connections.get(target, {}, lambda _: LIMIT_BYTES, PATIENCE_SECONDS)


def test_a_proxy_is_for_a_whole_client(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    monkeypatch.delenv("NO_PROXY", raising=False)
    with pytest.raises(NotPlainError):
        ask(server, PlainConnections("http://platform.example", None, 5, PATIENCE_SECONDS))
