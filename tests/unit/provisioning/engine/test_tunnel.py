"""The way out of Pulumi's network: to the hosts of one platform, and to nothing else."""

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Thread

import pytest

from coffre.provisioning.engine.tunnel import HEAD_BYTES, find_target, may_reach, tunnel

AWS = (".amazonaws.com", "10.1.2.3:5000", "moto.example")


@pytest.mark.parametrize(
    ("target", "may"),
    [
        ("s3.eu-west-3.amazonaws.com:443", True),
        ("IAM.Amazonaws.com:443", True),
        ("10.1.2.3:5000", True),
        ("moto.example:8443", True),
        ("amazonaws.com:443", False),
        ("evil-amazonaws.com:443", False),
        ("s3.amazonaws.com.evil.example:443", False),
        ("10.1.2.3:22", False),
        ("127.0.0.1:5000", False),
        ("169.254.169.254:80", False),
    ],
)
def test_only_the_platform_s_hosts_are_reached(target: str, may: bool) -> None:
    assert may_reach(target, AWS) is may


@pytest.mark.parametrize(
    ("head", "target"),
    [
        (b"CONNECT s3.amazonaws.com:443 HTTP/1.1\r\nHost: x\r\n\r\n", "s3.amazonaws.com:443"),
        (b"CONNECT s3.amazonaws.com HTTP/1.1\r\n\r\n", None),
        (b"CONNECT :443 HTTP/1.1\r\n\r\n", None),
        (b"CONNECT a:4430000 HTTP/1.1\r\n\r\n", None),
        (b"CONNECT a:443\r\n\r\n", None),
        (b"GET http://s3.amazonaws.com/ HTTP/1.1\r\n\r\n", None),
        ("CONNECT é:443 HTTP/1.1\r\n\r\n".encode(), None),
        (b"", None),
    ],
)
def test_nothing_is_a_request_but_connect_with_host_and_port(head: bytes, target: str | None) -> None:
    assert find_target(head) == target


@pytest.fixture
def platform() -> Iterator[int]:
    """Serve a platform that sends back what it gets, once."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            try:
                connection, _ = listener.accept()
            except OSError:
                return  # the test is over, and nobody came
            with connection:
                connection.sendall(connection.recv(100).upper())

        thread = Thread(target=answer, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        # Before the socket is closed: a thread that still waits would wait on the next one of its number.
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(20)
        assert not thread.is_alive()


def ask(address: Path, request: bytes) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(20)
    client.connect(str(address))
    client.sendall(request)
    return client


def test_what_passes_reaches_the_platform_and_comes_back(tmp_path: Path, platform: int) -> None:
    address, asked = tmp_path / "way", f"CONNECT 127.0.0.1:{platform} HTTP/1.1\r\n\r\n".encode()
    with tunnel(address, [f"127.0.0.1:{platform}"]), closing(ask(address, asked)) as client:
        assert client.recv(100) == b"HTTP/1.1 200 Connection established\r\n\r\n"
        client.sendall(b"hello")
        assert client.recv(100) == b"HELLO"


@pytest.mark.parametrize(
    "request_head",
    [b"CONNECT 127.0.0.1:%d HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"x" * (HEAD_BYTES + 1)],
    ids=["another host", "no CONNECT", "no end"],
)
def test_everything_else_is_refused(tmp_path: Path, platform: int, request_head: bytes) -> None:
    address = tmp_path / "way"
    asked = request_head % platform if b"%d" in request_head else request_head
    with tunnel(address, ["s3.example:443"]), closing(ask(address, asked)) as client:
        assert client.recv(100).startswith(b"HTTP/1.1 403")


def test_a_platform_that_is_away_is_said_to_be_so(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    address, asked = tmp_path / "way", f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n".encode()
    with tunnel(address, [f"127.0.0.1:{port}"]), closing(ask(address, asked)) as client:
        assert client.recv(100).startswith(b"HTTP/1.1 502")
