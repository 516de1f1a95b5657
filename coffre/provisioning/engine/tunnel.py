"""The only way out of Pulumi's private network: an HTTPS proxy (CONNECT, RFC 9110 9.3.6) to the hosts of one platform.

A provider's plugin is a process in that network. It reaches its platform through here, and nothing else; what passes
is its own TLS, which this process does not read.
"""

import socket
import threading
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from coffre.outside import proxies
from coffre.outside.door import join

HEAD_BYTES = 8192
"""The maximum size of a request's head."""
PATIENCE_SECONDS = 10.0

_REFUSED = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
_AWAY = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"
_OPEN = b"HTTP/1.1 200 Connection established\r\n\r\n"


def may_reach(target: str, hosts: Collection[str]) -> bool:
    """Tell whether a target, HOST:PORT, is one of these hosts; one that begins with a dot is a domain. Pure."""
    host = target.rsplit(":", 1)[0].lower()
    return any(target.lower() == each or host == each or (each[:1] == "." and host.endswith(each)) for each in hosts)


def find_target(head: bytes) -> str | None:
    """Return the target of a request's head, HOST:PORT; None when it is not a CONNECT with one. Pure."""
    method, _, rest = head.split(b"\r\n", 1)[0].partition(b" ")
    target, _, version = rest.partition(b" ")
    host, _, port = target.rpartition(b":")
    is_request = method == b"CONNECT" and version.startswith(b"HTTP/1.") and target.isascii()
    if not is_request or not host or not port.isdigit() or len(port) > 5:
        return None
    return target.decode()


@contextmanager
def tunnel(address: Path, hosts: Collection[str]) -> Iterator[None]:
    """Serve the proxy on a Unix socket during the block; open connections continue until one of their ends closes."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(address))
        listener.listen()
        thread = threading.Thread(target=_accept, args=(listener, hosts), name="tunnel", daemon=True)
        thread.start()
        try:
            yield
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _accept(listener: socket.socket, hosts: Collection[str]) -> None:
    while True:
        try:
            near, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_serve, args=(near, hosts), name="tunnel-peer", daemon=True).start()


def _serve(near: socket.socket, hosts: Collection[str]) -> None:
    with ExitStack() as closing:
        closing.enter_context(near)
        try:
            near.settimeout(PATIENCE_SECONDS)
            target = find_target(_read_head(near))
            if target is None or not may_reach(target, hosts):
                near.sendall(_REFUSED)
                return
            try:
                far = closing.enter_context(proxies.connect(f"https://{target}", PATIENCE_SECONDS))
            except OSError:
                near.sendall(_AWAY)
                return
            near.sendall(_OPEN)
            near.settimeout(None)
            far.settimeout(None)
        except OSError:
            return
        closing.pop_all()
    join(near, far)


def _read_head(near: socket.socket) -> bytes:
    """Return the head of a request, as far as it came; a client sends nothing after it until it has its answer."""
    head = b""
    while b"\r\n\r\n" not in head and len(head) < HEAD_BYTES:
        more = near.recv(HEAD_BYTES - len(head))
        if not more:
            break
        head += more
    return head
