"""A line of known speed on loopback: it passes TCP on, and what comes back is limited to so many bytes a second."""

import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_BLOCK_BYTES = 16 * 1024


@dataclass
class Line:
    """The line; all its connections share the rate. ``passed_bytes`` is what came back over it."""

    bytes_per_second: float
    url: str = ""
    passed_bytes: int = 0
    _free_at: float = field(default_factory=time.monotonic)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def wait_for(self, count: int, *, is_first: bool) -> None:
        """Return when so many bytes more have had their time: nothing may come faster, not even at the start.

        ``is_first``: they came after a pause. Otherwise they waited here: a relay that a busy computer wakes late makes
        up for it, so that the line keeps its speed.
        """
        with self._guard:
            self.passed_bytes += count
            begins_at = max(self._free_at, time.monotonic()) if is_first else self._free_at
            self._free_at = begins_at + count / self.bytes_per_second
            until = self._free_at
        time.sleep(max(0.0, until - time.monotonic()))


@contextmanager
def slow_line(url: str, bytes_per_second: float) -> Iterator[Line]:
    """Open a line to the server at a URL; its own URL has the same host."""
    there = urlsplit(url)
    assert there.hostname is not None
    assert there.port is not None
    line, at_work = Line(bytes_per_second), list[socket.socket]()

    def serve(listener: socket.socket) -> None:
        with suppress(OSError):  # the listener is closed at the end
            while True:
                near, _ = listener.accept()
                far = socket.create_connection((there.hostname, there.port))
                at_work.extend((near, far))
                threading.Thread(target=_pass_on, args=(near, far, None), daemon=True).start()
                threading.Thread(target=_pass_on, args=(far, near, line), daemon=True).start()

    family = socket.AF_INET6 if ":" in there.hostname else socket.AF_INET
    with socket.create_server((socket.gethostbyname(there.hostname), 0), family=family) as listener:
        line.url = f"{there.scheme}://{there.hostname}:{listener.getsockname()[1]}"
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        try:
            yield line
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            for each in at_work:
                each.close()


def _pass_on(source: socket.socket, target: socket.socket, line: Line | None) -> None:
    with suppress(OSError):  # one of both ends hung up
        while True:
            has_waited, _, _ = select.select([source], [], [], 0)
            if not (block := source.recv(_BLOCK_BYTES)):
                break
            if line is not None:
                line.wait_for(len(block), is_first=not has_waited)
            target.sendall(block)
        target.shutdown(socket.SHUT_WR)
