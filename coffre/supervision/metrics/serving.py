"""A small HTTP server for one page, bounded: few requests at a time, each within a time limit, and a clean stop."""

import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from coffre.errors import ExpectedError

REQUESTS_AT_MOST = 8
"""Requests that are answered at a time; further ones are closed without an answer."""
REQUEST_SECONDS = 5.0
"""The longest wait for a client that sends or reads nothing."""
STOP_SECONDS = 12.0
"""The longest wait for requests that are being answered when the server stops."""


class _Handler(WSGIRequestHandler):
    timeout = REQUEST_SECONDS  # of the connection

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the library
        """Keep no log of requests: what a client sends is not to be read in a terminal."""


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 16
    families: ClassVar[dict[int, socket.AddressFamily]] = {4: socket.AF_INET, 6: socket.AF_INET6}

    def __init__(self, address: str, port: int, version: int) -> None:
        self.address_family = self.families[version]
        self._slots = threading.BoundedSemaphore(REQUESTS_AT_MOST)
        super().__init__((address, port), _Handler)

    def server_bind(self) -> None:
        """Bind without asking a name server for this computer's name."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._slots.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._slots.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error of ours."""

    def wait_for_requests(self) -> None:
        """Wait until every request is answered, or the time is over."""
        end = time.monotonic() + STOP_SECONDS
        for _ in range(REQUESTS_AT_MOST):
            if not self._slots.acquire(timeout=max(0.0, end - time.monotonic())):
                return


@contextmanager
def serving(application: Callable[..., Any], address: str, port: int, version: int) -> Iterator[int]:
    """Serve a WSGI application at an IP address of this version, 4 or 6; gives the port, chosen when it was 0.

    ExpectedError when the address cannot be had. At the end, requests that are being answered get their answer.
    """
    try:
        server = _Server(address, port, version)
    except OSError as error:
        raise ExpectedError(
            f"cannot listen on {address} port {port}: {(error.strerror or str(error)).lower()}",
            "Choose another with --listen ADDRESS:PORT, or end the program that listens there.",
        ) from error
    server.set_app(application)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="http", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        server.wait_for_requests()
