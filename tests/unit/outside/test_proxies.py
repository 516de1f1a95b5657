"""A proxy in the way is taken by all alike, and named within seconds when it gives no way."""

import contextlib
import gc
import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from pydantic import SecretStr

from coffre.agents.restic.repository.process import ResticError
from coffre.agents.restic.repository.repository import ResticRepository
from coffre.errors import ExpectedError, RemoteError, UsageError
from coffre.offboarding.handover.targets.rclone import Rclone, Remote
from coffre.outside import proxies
from coffre.outside.proxies import find_proxy, is_excepted, proxy_environment
from coffre.storage.ceph.api.admin_http import AdminHttp
from coffre.storage.ceph.checks import wire
from coffre.storage.s3 import signed_http
from coffre.storage.s3.client import make_client
from coffre.storage.s3.faults import s3_errors
from coffre.storage.values import AccessKey, Endpoint

URL = "https://s3.smileo.example:7443"
KEY = AccessKey("AK", "SK")
ACCOUNT = "anna:hunter2@"


@pytest.fixture(autouse=True)
def _no_proxy_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, suffix in itertools.product(("http", "https", "no", "all"), ("_proxy",)):
        for each in (f"{name}{suffix}", f"{name}{suffix}".upper()):
            monkeypatch.delenv(each, raising=False)


@pytest.mark.parametrize(
    ("excepted", "host", "is_out"),
    [
        ("", "s3.example", False),
        ("*", "s3.example", True),
        ("s3.example", "s3.example", True),
        ("S3.Example.", "s3.example", False),
        ("example", "s3.example", True),
        (".example", "s3.example", True),
        ("*.example", "s3.example", True),
        (".s3.example", "s3.example", False),
        ("ample", "s3.example", False),
        ("other , s3.example:7443", "s3.example", True),
        ("s3.example:443", "s3.example", False),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.1.2.3:7443", "10.1.2.3", True),
        ("10.1.2.3:80", "10.1.2.3", False),
        ("10.1.2.4", "10.1.2.3", False),
        ("2001:db8::/32", "2001:db8::1", True),
        ("3", "10.1.2.3", False),
    ],
)
def test_no_proxy_means_what_it_means_to_go(excepted: str, host: str, is_out: bool) -> None:
    assert is_excepted(host, 7443, excepted) is is_out


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://p:3128"}, "http://p:3128 (HTTPS_PROXY)"),
        ({"HTTPS_PROXY": "p:3128", "https_proxy": "http://q:1"}, "http://p:3128 (HTTPS_PROXY)"),
        ({"HTTPS_PROXY": "", "https_proxy": "http://q"}, "http://q:80 (https_proxy)"),
        ({"HTTP_PROXY": "http://p:3128", "ALL_PROXY": "http://p:3128"}, None),
        ({"https_proxy": "http://p:1", "no_proxy": "smileo.example"}, None),
        ({"https_proxy": f"http://{ACCOUNT}p:1"}, "http://p:1 (https_proxy)"),
    ],
)
def test_the_variables_are_those_of_go(environment: dict[str, str], found: str | None) -> None:
    proxy = find_proxy(URL, environment)
    assert (None if proxy is None else proxy.shown) == found
    for here in ("https://127.0.0.1:1", "https://localhost", "https://[::1]:4"):
        assert find_proxy(here, environment) is None
    assert "hunter2" not in repr(proxy and proxy.shown)


@pytest.mark.parametrize("value", ["socks5://p:1", "https://p:1", "http://", "http://p:99999", "http://p:x"])
def test_a_proxy_of_another_kind_is_refused(value: str) -> None:
    with pytest.raises(UsageError, match="HTTPS_PROXY names no supported proxy"):
        find_proxy(URL, {"HTTPS_PROXY": value})


class Way:
    """A proxy on loopback that does one thing with each connection."""

    def __init__(self, answer: Callable[[socket.socket], None] | None) -> None:
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.asked: list[bytes] = []
        self._open: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._open.append(connection)
                threading.Thread(target=self._take, args=(connection,), daemon=True).start()

    def _take(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            self.asked.append(connection.recv(4096))
            if self._answer is not None:
                self._answer(connection)
                connection.close()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in self._open:
            each.close()


def say(line: str) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(f"HTTP/1.1 {line}\r\nContent-Length: 0\r\n\r\n".encode())


WAYS: dict[str, tuple[Callable[[socket.socket], None] | None, str]] = {
    "407": (say("407 Proxy Authentication Required"), "407 Proxy Authentication Required"),
    "502": (say("502 Bad Gateway"), "502 Bad Gateway"),
    "drops": (lambda _connection: None, ""),
    "rubbish": (lambda connection: connection.sendall(b"\x15\x03\x01\x00\x02\x02\x46\r\n"), ""),
    "hangs": (None, "in time"),
}


@pytest.fixture(params=[*WAYS, "refuses"])
def broken(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, str]]:
    """A proxy that gives no way, named by HTTPS_PROXY with an account: its port, and what is said of it."""
    for module in (signed_http, proxies):
        monkeypatch.setattr(module, "CONNECT_SECONDS", 1.0)
    monkeypatch.setattr("coffre.storage.s3.client.CONNECT_SECONDS", 1.0)
    monkeypatch.setattr(wire, "ANSWER_SECONDS", 1.0)
    monkeypatch.setattr(wire, "_PLAIN_SECONDS", 1.0)
    if request.param == "refuses":
        with socket.create_server(("127.0.0.1", 0)) as gone:
            port = gone.getsockname()[1]
        way, said = None, "refused"
    else:
        answer, said = WAYS[request.param]
        way = Way(answer)
        port = way.port
    monkeypatch.setenv("HTTPS_PROXY", f"http://{ACCOUNT}127.0.0.1:{port}")
    yield port, said
    if way is not None:
        way.close()
    # http.client leaves the answer of a refused tunnel to the collector: here, not in whatever test comes next.
    gc.collect()


def ask_admin() -> None:
    AdminHttp(Endpoint(URL), KEY).call("list users", "GET", "/admin/user", {})


def ask_s3() -> None:
    with s3_errors("list buckets", URL):
        make_client(Endpoint(URL), KEY).list_buckets()


def ask_restic() -> None:
    ResticRepository(f"s3:{URL}/bucket/restic", KEY, SecretStr("p")).open()


def ask_rclone() -> None:
    Rclone([Remote("customer", URL, "default", KEY)], None).list_names("customer:bucket")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("ask", [ask_admin, ask_s3, ask_restic, ask_rclone])
def test_a_proxy_that_gives_no_way_is_named_within_seconds(ask: Callable[[], None], broken: tuple[int, str]) -> None:
    port, said = broken
    began = time.monotonic()
    with pytest.raises(ExpectedError) as refused:
        ask()
    assert time.monotonic() - began < 15
    text = f"{refused.value.message} {refused.value.hint}"
    assert f"through the proxy http://127.0.0.1:{port} (HTTPS_PROXY)" in text
    assert said in refused.value.message
    assert "NO_PROXY=s3.smileo.example" in text
    assert "hunter2" not in text
    assert "\n" not in text
    assert isinstance(refused.value, ResticError if ask is ask_restic else RemoteError)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_platform_check_goes_the_same_way(broken: tuple[int, str]) -> None:
    seen = wire.look(Endpoint(URL))
    assert seen.connect_seconds is None
    assert seen.failure


def test_all_ask_one_proxy_for_a_tunnel_and_tell_it_its_account(monkeypatch: pytest.MonkeyPatch) -> None:
    way = Way(say("407 Proxy Authentication Required"))
    monkeypatch.setenv("https_proxy", f"http://{ACCOUNT}127.0.0.1:{way.port}")
    for ask in (ask_admin, ask_s3, ask_restic):
        with pytest.raises(ExpectedError):
            ask()
    way.close()
    assert len(way.asked) == 4  # S3's failure is looked into once
    for each in way.asked:
        assert each.startswith(b"CONNECT s3.smileo.example:7443 HTTP/1.")
        assert b"proxy-authorization: basic yw5uytpodw50zxiy" in each.lower()
    assert proxy_environment(URL) == {"HTTPS_PROXY": f"http://{ACCOUNT}127.0.0.1:{way.port}"}
    assert proxy_environment("https://127.0.0.1:7443") == {}
