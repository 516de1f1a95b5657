"""A stand-in for the vendor's cloud, as a process of its own: no line is the vendor's, and it proves nothing of theirs.

It does what the reference says of the API, with state, over TLS on loopback. What the reference leaves open it assumes,
and the description (`tests/cases/acronis/openapi.yaml`) marks it `x-unverified`. Every request and answer is checked
against that description.

    python -m tests.acronis.service --port 0 --tls DIR --state FILE

The first line that it prints is JSON: `url`, `downloads_url`, `ca_file`, `client_id`, `client_secret`, `partner_id`.
"""

import argparse
import json
import signal
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

from coffre_lab.ceph.certificates import issue
from werkzeug.exceptions import HTTPException
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.wrappers import Request as HttpRequest
from werkzeug.wrappers import Response

import tests.acronis.answers  # noqa: F401 - registers what answers each call
from tests.acronis.answers.downloads import FILES, FOLDER
from tests.acronis.answers.identity import identify
from tests.acronis.calls import HANDLERS, Answer, Call
from tests.acronis.control import PREFIX, control, describe, touch
from tests.acronis.description import Description, NotAsDescribedError, Request
from tests.acronis.faults import Fault, Faults
from tests.acronis.journal import Journal
from tests.acronis.refusals import Refused, shape
from tests.acronis.seeding import make_world
from tests.acronis.world import World

_MAX_BODY_BYTES = 4 << 20
_HANDSHAKE_SECONDS = 30
INSTALLER = b"#!/bin/sh\necho 'stand-in for an installer of the vendor' >&2\nexit 1\n"
"""What every installer is without `--installers`."""


class Service:
    """The service as a WSGI application: one call at a time changes the world."""

    def __init__(self, world: World, *, state: Path | None = None, installers: Path | None = None) -> None:
        self.world, self._state, self._installers = world, state, installers
        self.url = self.downloads_url = ""
        self._description, self._faults, self._journal = Description(), Faults(), Journal()
        self._lock = threading.RLock()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        request = HttpRequest(environ)
        request.max_content_length = _MAX_BODY_BYTES
        try:
            response: Response = self._answer(request, environ["werkzeug.socket"])
        except HTTPException as error:  # as for a body that is too large
            response = Response(error.description, error.code)
        return response(environ, start_response)

    def downloads(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Serve the other host, where installers lie."""
        path = HttpRequest(environ).path
        name = path.removeprefix(FOLDER)
        if not path.startswith(FOLDER) or name not in FILES.values():
            return Response("not found", 404)(environ, start_response)
        file = None if self._installers is None else self._installers / name
        body = INSTALLER if file is None else file.read_bytes()
        return Response(body, content_type="application/octet-stream")(environ, start_response)

    def _answer(self, request: HttpRequest, connection: socket.socket) -> Response:
        began, body = time.time(), request.get_data()
        if request.path.startswith(PREFIX):
            return self._control(request.path.removeprefix(PREFIX), body)
        fault = self._faults.take(request.method, request.path)
        if fault is not None and fault.kind == "race":
            with self._lock:
                touch(self.world, request.path)
        response = _spoil_before(fault, connection) or _to_response(*self._work(request, body))
        if fault is not None:
            response = _spoil_after(fault, response, connection)
        status = 0 if fault is not None and fault.kind in ("drop", "hold", "lose") else response.status_code
        query, agent = request.query_string.decode("latin-1"), request.headers.get("User-Agent", "")
        self._journal.note(request.method, request.path, query, agent, status, began)
        return response

    def _work(self, request: HttpRequest, body: bytes) -> tuple[int, bytes, str, dict[str, str]]:
        is_answered = False
        try:
            parts = self._answer_described(request, body)
            is_answered = True
        except NotAsDescribedError as error:
            self._journal.note_invalid_request(f"{request.method} {request.path}: {error}")
            parts, is_answered = _to_parts(request.path, Refused(error.status, str(error))), True
        except Refused as refused:
            parts, is_answered = _to_parts(request.path, refused), True
        finally:
            if not is_answered:  # a client that tries again would hide it
                self._journal.note_invalid_answer(f"{request.method} {request.path}: the stand-in itself failed")
        return parts

    def _answer_described(self, request: HttpRequest, body: bytes) -> tuple[int, bytes, str, dict[str, str]]:
        headers = {name.lower(): value for name, value in request.headers.items()}
        query = tuple(request.args.items(multi=True))
        came = Request(request.method, request.path, query, headers, request.content_type or "", body)
        operation = self._description.find(came.method, came.path).operation
        operation_id = operation["operationId"]
        _check_accept(headers.get("accept", "*/*"))
        with self._lock:
            security = operation.get("security", [{"bearer": []}])
            kinds = tuple(name for each in security for name in each)
            try:
                caller = identify(self.world, headers.get("authorization", ""), kinds)
                asked = self._description.read(came)
                answer = HANDLERS[operation_id](Call(self.world, asked, caller, self.url, self.downloads_url))
                content = _encode(answer)
            except Refused as refused:
                status, content, content_type, more = _to_parts(request.path, refused)
                body_of_it = json.loads(content) if content_type == "application/json" else content
                answer = Answer(status, body_of_it, content_type, more)
            if request.method != "GET" or operation_id == "listStoredReports":
                self._save()
        self._check_answer(operation_id, answer)
        return answer.status, content, answer.content_type, dict(answer.headers)

    def _check_answer(self, operation_id: str, answer: Answer) -> None:
        is_json = answer.content_type == "application/json"
        try:
            # What is checked is what goes out, not what it was made from.
            body = json.loads(json.dumps(answer.body)) if is_json else answer.body
            self._description.check_answer(operation_id, answer.status, answer.content_type, body)
        except NotAsDescribedError as error:
            self._journal.note_invalid_answer(str(error))
            raise Refused(500, f"The stand-in's own answer is not as described: {error}") from error

    def _control(self, verb: str, body: bytes) -> Response:
        try:
            with self._lock:
                done = control(self.world, self._faults, self._journal, self.url, verb, json.loads(body or b"{}"))
                self._save()
        except Refused as refused:
            return _to_json(refused.status, {"refused": refused.message})
        except (TypeError, ValueError, KeyError) as error:
            return _to_json(400, {"refused": f"{type(error).__name__}: {error}"})
        return _to_json(200, done)

    def _save(self) -> None:
        if self._state is not None:
            self.world.save(self._state)


def _check_accept(accept: str) -> None:
    taken = {each.partition(";")[0].strip() for each in accept.split(",")}
    if not taken & {"*/*", "application/*", "application/json"}:
        raise NotAsDescribedError("Accept does not take JSON", 415)


def _encode(answer: Answer) -> bytes:
    if isinstance(answer.body, bytes):
        return answer.body
    return b"" if answer.body is None else json.dumps(answer.body).encode()


def _to_parts(path: str, refused: Refused) -> tuple[int, bytes, str, dict[str, str]]:
    body, content_type = shape(path, refused)
    return refused.status, body, content_type, {}


def _to_response(status: int, body: bytes, content_type: str, headers: dict[str, str]) -> Response:
    response = Response(body, status, content_type=content_type if body else None)
    response.headers.update(headers)
    return response


def _to_json(status: int, body: dict[str, Any]) -> Response:
    return _to_response(status, json.dumps(body).encode(), "application/json", {})


def _spoil_before(fault: Fault | None, connection: socket.socket) -> Response | None:
    """Return the answer of a fault that comes instead of the work."""
    if fault is None:
        return None
    if fault.kind == "status":
        response = Response(fault.body, fault.status, content_type=fault.content_type)
        response.headers.update(fault.headers)
        return response
    if fault.kind == "redirect":
        return Response("", fault.status if 300 <= fault.status < 400 else 302, headers={"Location": fault.location})
    if fault.kind in ("drop", "hold"):
        time.sleep(fault.seconds)  # none for a plain end
        _end(connection)
        return Response("")
    return None


def _spoil_after(fault: Fault, response: Response, connection: socket.socket) -> Response:
    """Return what a fault makes of the answer of work that was done."""
    body = response.get_data()
    if fault.kind == "delay":
        time.sleep(fault.seconds)  # the delay is what the test asks for
    elif fault.kind == "lose":
        _end(connection)
    elif fault.kind == "half":
        response.response, response.headers["Content-Length"] = _half(body, connection), str(max(len(body), 2))
    elif fault.kind == "drip":
        response.response, response.headers["Content-Length"] = _drip(body, fault.seconds), str(len(body))
    elif fault.kind == "replace":
        response.set_data(body.replace(fault.old.encode(), fault.new.encode()))
    elif fault.kind == "huge":
        response.response = _swell(body, fault.size_bytes)
        response.headers["Content-Length"] = str(len(body) + fault.size_bytes)
    return response


def _half(body: bytes, connection: socket.socket) -> Iterator[bytes]:
    yield body[: len(body) // 2] or b" "
    _end(connection)


def _drip(body: bytes, seconds: float) -> Iterator[bytes]:
    for each in body:
        time.sleep(seconds)
        yield bytes([each])


def _swell(body: bytes, size_bytes: int) -> Iterator[bytes]:
    yield body
    for start in range(0, size_bytes, 1 << 16):
        yield b" " * min(1 << 16, size_bytes - start)


def _end(connection: socket.socket) -> None:
    with suppress(OSError):  # the other side may have gone first
        connection.shutdown(socket.SHUT_RDWR)


class _Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log(self, *_: object) -> None:
        """Log nothing: the journal has every call."""


class _Server(ThreadedWSGIServer):
    """TLS begins in a call's own thread: a caller who says nothing holds up nobody else."""

    tls: ssl.SSLContext

    def finish_request(self, request: Any, client_address: Any) -> None:
        request.settimeout(_HANDSHAKE_SECONDS)
        with self.tls.wrap_socket(request, server_side=True) as connection:
            connection.settimeout(None)
            super().finish_request(connection, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say what went wrong, unless it is only that the other side left."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def serve(host: str, port: int, application: Callable[..., Iterable[bytes]], tls: ssl.SSLContext) -> _Server:
    """Serve an application from a thread of its own, until the process ends."""
    server = _Server(host, port, application, handler=_Handler)
    server.tls, server.daemon_threads = tls, True
    server.ssl_context = tls  # the scheme that requests have is by it
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def make_certificate(folder: Path, hosts: list[str]) -> None:
    """Make an authority and a certificate for these addresses, unless the folder has them."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "ca.pem").exists():
        ca_pem, server_pem = issue(hosts, datetime.now(UTC))
        (folder / "server.pem").touch(mode=0o600)
        (folder / "server.pem").write_text(server_pem, encoding="utf-8")
        (folder / "ca.pem").write_text(ca_pem, encoding="utf-8")


def main() -> None:
    """Run until told to end, or until standard input ends with ``--with-parent``."""
    parser = argparse.ArgumentParser(prog="python -m tests.acronis.service", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--downloads-host", default="127.0.0.2")
    parser.add_argument("--tls", type=Path, required=True, help="a folder; certificates are made where it has none")
    parser.add_argument("--state", type=Path, help="a file that the state is read from and kept in")
    parser.add_argument("--installers", type=Path, help="a folder of installers, by the vendor's file names")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input does")
    given = parser.parse_args()
    make_certificate(given.tls, [given.host, given.downloads_host])
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(given.tls / "server.pem")
    world = World.load(given.state) if given.state and given.state.exists() else make_world()
    service = Service(world, state=given.state, installers=given.installers)
    server = serve(given.host, given.port, service, tls)
    downloads = serve(given.downloads_host, 0, service.downloads, tls)
    service.url = f"https://{given.host}:{server.port}"
    service.downloads_url = f"https://{given.downloads_host}:{downloads.port}"
    known = {key: describe(world)[key] for key in ("client_id", "client_secret", "partner_id")}
    said = {"url": service.url, "downloads_url": service.downloads_url, "ca_file": str(given.tls / "ca.pem"), **known}
    print(json.dumps(said), flush=True)  # noqa: T201 - for who started it
    _wait(with_parent=given.with_parent)


def _wait(*, with_parent: bool) -> None:
    ended = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        ended.set()

    def wait_for_parent() -> None:
        sys.stdin.read()
        ended.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    if with_parent:
        threading.Thread(target=wait_for_parent, daemon=True).start()
    ended.wait()


if __name__ == "__main__":
    main()
