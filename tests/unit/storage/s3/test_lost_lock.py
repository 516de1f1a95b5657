"""A change is not sent, and not sent again, once the lock of this process is lost: each attempt asks."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from coffre.errors import BusyError
from coffre.storage.s3.client import make_client
from coffre.storage.s3.signed_http import SignedHttp
from coffre.storage.values import AccessKey, Endpoint
from coffre.workspace import fence

KEY = AccessKey("AKEXAMPLE", "secret")


class Away(ThreadingHTTPServer):
    """A gateway that answers every request with 503, which both clients take as: ask again."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.methods: list[str] = []


class Handler(BaseHTTPRequestHandler):
    server: Away

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.methods.append(self.command)
        self.send_response(503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_PUT = answer  # noqa: N815 -- the names that http.server calls

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def away() -> Iterator[Away]:
    with Away() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def by_admin(endpoint: Endpoint) -> None:
    SignedHttp(endpoint, KEY).call_s3("set a quota", "PUT", "/admin/user", {"quota": ""})


def by_s3(endpoint: Endpoint) -> None:
    make_client(endpoint, KEY).put_object(Bucket="bucket", Key="key", Body=b"a body")


@pytest.mark.parametrize("change", [by_admin, by_s3])
@pytest.mark.parametrize("attempts", [0, 1, 2])
def test_each_attempt_of_a_change_asks_for_the_lock(
    away: Away, change: Callable[[Endpoint], None], attempts: int
) -> None:
    def lock() -> None:
        if len(away.methods) >= attempts:
            raise BusyError("the lock is lost")

    with fence.fenced_by(lock), pytest.raises(BusyError):
        change(Endpoint(f"http://127.0.0.1:{away.server_port}"))
    assert away.methods == ["PUT"] * attempts
