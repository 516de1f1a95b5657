"""A TLS reverse proxy in front of the lab's gateway that fails on demand.

    with FaultProxy(endpoint.url, endpoint.ca_file, folder) as proxy:     # address="10.x.y.1": machines reach it too
        Endpoint(proxy.url, ca_file=proxy.ca_file)    # signatures hold: the Host header passes as it came
        proxy.answer_503(60)      # every request, for so many seconds
        proxy.answer_403(60)      # the same with 403 and no code of S3, as a firewall in front of it does
        proxy.drop()              # closes each connection before its first byte of TLS
        proxy.hang()              # takes each request and never answers
        proxy.shift_date(1200)    # the Date header lies by so many seconds
        proxy.present("expired")  # or "foreign": a certificate of an authority that ca_file has not; or "good"
        proxy.heal()              # all of it away again
        proxy.seen                # (method, path without query) of each request that passed TLS
        proxy.matching("/admin/") # a fault only concerns paths that begin so; "" for all
        proxy.only_for("PUT", 60) # 503 to requests of one method alone
        proxy.gather("PUT", 10)   # holds requests of one method back until so many have come; came_together tells

A fault meets new requests at once; certificates and dropping meet new connections.
"""

import http.client
import http.server
import socket
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from coffre_lab.ceph.certificates import VALID_DAYS, issue

GATHERING_SECONDS = 30
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "date"}


class FaultProxy:
    """The proxy, serving between `with` and its end."""

    def __init__(self, upstream_url: str, upstream_ca: Path, folder: Path, address: str = "127.0.0.1") -> None:
        self._upstream = urlsplit(upstream_url)
        self._upstream_trust = ssl.create_default_context(cafile=upstream_ca)
        self._healed = threading.Event()
        self._prefix = ""
        self._gathering = threading.Condition()
        self._gathered, self._wanted, self._gathered_method = 0, 0, ""
        self.came_together = True
        self.seen: list[tuple[str, str]] = []
        self.ca_file = folder / "proxy-ca.pem"
        self._contexts = self._make_certificates(folder, address)
        self._server = _Server((address, 0), self)
        host, port = self._server.server_address[:2]
        self.url = f"https://{host}:{port}"
        self.heal()

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="fault-proxy", daemon=True).start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.heal()
        self._server.shutdown()
        self._server.server_close()

    def answer_403(self, seconds: float) -> None:
        self._status = 403
        self._unavailable_until = time.monotonic() + seconds

    def answer_503(self, seconds: float) -> None:
        self._status = 503
        self._unavailable_until = time.monotonic() + seconds

    def drop(self) -> None:
        self._drops = True

    def hang(self) -> None:
        self._healed.clear()

    def shift_date(self, seconds: float) -> None:
        self._shift = timedelta(seconds=seconds)

    def present(self, certificate: str) -> None:
        self._certificate = certificate

    def only_for(self, method: str, seconds: float) -> None:
        self._method = method
        self.answer_503(seconds)

    def gather(self, method: str, count: int) -> None:
        self._gathered, self._wanted, self._gathered_method = 0, count, method

    def matching(self, prefix: str) -> None:
        self._prefix = prefix

    def heal(self) -> None:
        self._status = 503
        self._unavailable_until = 0.0
        self._drops = False
        self._shift = timedelta()
        self._certificate = "good"
        self._prefix = ""
        self._method = ""
        self._healed.set()

    def _make_certificates(self, folder: Path, address: str) -> dict[str, ssl.SSLContext]:
        now = datetime.now(UTC)
        moments = {"good": now, "expired": now - timedelta(days=VALID_DAYS + 1), "foreign": now}
        trusted, contexts = [], {}
        for name, moment in moments.items():
            ca_pem, server_pem = issue((address,), moment)
            if name != "foreign":
                trusted.append(ca_pem)
            file = folder / f"proxy-{name}.pem"
            file.write_text(server_pem)
            contexts[name] = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            contexts[name].load_cert_chain(file)
        self.ca_file.write_text("".join(trusted))
        return contexts

    def _connection_of(self, raw: socket.socket) -> socket.socket | None:
        """Return what a new connection speaks over, None when it is dropped. The handshake is its own thread's."""
        if self._drops:
            return None
        context = self._contexts[self._certificate]
        return context.wrap_socket(raw, server_side=True, do_handshake_on_connect=False)

    def _fails(self, path: str, method: str) -> bool:
        """Wait while the proxy hangs or gathers; tell whether this request is answered with 503 or 403."""
        if method == self._gathered_method:
            self._gather()
        if not path.startswith(self._prefix) or self._method not in ("", method):
            return False
        self._healed.wait()
        return time.monotonic() < self._unavailable_until

    def _gather(self) -> None:
        with self._gathering:
            self._gathered += 1
            self._gathering.notify_all()
            if not self._gathering.wait_for(lambda: self._gathered >= self._wanted, GATHERING_SECONDS):
                self.came_together = False

    def _forward(self, handler: "_Handler", body: bytes) -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPSConnection(
            self._upstream.hostname or "", self._upstream.port, context=self._upstream_trust, timeout=120
        )
        try:
            connection.putrequest(handler.command, handler.path, skip_host=True, skip_accept_encoding=True)
            for name, value in handler.headers.items():
                if name.lower() not in ("connection", "expect"):
                    connection.putheader(name, value)
            connection.endheaders(body or None)
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()

    def _dated(self, header: str | None) -> str:
        moment = parsedate_to_datetime(header) if header else datetime.now(UTC)
        return format_datetime((moment + self._shift).astimezone(UTC), usegmt=True)


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], proxy: FaultProxy) -> None:
        self.proxy = proxy
        super().__init__(address, _Handler)

    def finish_request(self, request, client_address) -> None:
        secured = self.proxy._connection_of(request)
        if secured is None:
            return
        try:
            secured.do_handshake()
            super().finish_request(secured, client_address)
        except OSError:
            return  # the client did not like what it was shown, or went away
        finally:
            secured.close()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _serve(self) -> None:
        path = self.path.partition("?")[0]
        self.server.proxy.seen.append((self.command, path))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.server.proxy._fails(path, self.command):
            self._answer(self.server.proxy._status, [("Content-Type", "text/plain")], b"Not now\n", None)
            return
        answer, content = self.server.proxy._forward(self, body)
        headers = [(name, value) for name, value in answer.getheaders() if name.lower() not in _HOP_BY_HOP]
        length = answer.headers["Content-Length"] if self.command == "HEAD" else None
        self._answer(answer.status, headers, content, length, answer.headers["Date"])

    def _answer(self, status: int, headers, content: bytes, length: str | None, date: str | None = None) -> None:
        self.send_response_only(status)
        self.send_header("Date", self.server.proxy._dated(date))
        for name, value in headers:
            self.send_header(name, value)
        if status not in (204, 304):
            self.send_header("Content-Length", length or str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _serve  # noqa: N815 - http.server's names

    def log_message(self, *_arguments: object) -> None:
        """Say nothing: tests look at `seen`."""
