"""A real HTTP server on loopback that takes what channels post, or refuses it, as its test says."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.mail_server import ADDRESS

_LIMIT = 1 << 20


@dataclass
class Receiver:
    """What it took, path and body, and the status that it answers."""

    status: int = 200
    taken: list[tuple[str, str]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    port: int = 0

    def url(self, scheme: str, path: str) -> str:
        return f"{scheme}://{ADDRESS}:{self.port}/{path}"

    def notes(self, path: str) -> list[dict[str, Any]]:
        """Return what was posted as JSON to a path."""
        return [json.loads(body) for taken, body in self.taken if taken == path]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Run a receiver."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            receiver.asked.append(self.path)
            body = self.rfile.read(min(int(self.headers.get("Content-Length", 0)), _LIMIT)).decode()
            if receiver.status < 300:
                receiver.taken.append((self.path, body))
            self.send_response(receiver.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_GET = _answer  # noqa: N815 - its names

        def log_message(self, *_: object) -> None:
            """Keep the test's output quiet."""

    server = ThreadingHTTPServer((ADDRESS, 0), Handler)
    receiver.port = server.server_port
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
