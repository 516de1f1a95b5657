"""A server in place of AWS: it keeps each request and gives the answer that a test says, in AWS's documented form."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from tests.moto_server import ACCOUNT


@dataclass(frozen=True)
class Request:
    """A request: of S3 it has a path, of the other services an action."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    action: str

    @property
    def access_key_id(self) -> str:
        return self.headers.get("authorization", "").partition("Credential=")[2].partition("/")[0]

    @property
    def scope(self) -> str:
        """The region and service of the signature."""
        return "/".join(self.headers.get("authorization", "").partition("Credential=")[2].split("/")[2:4])


@dataclass(frozen=True)
class Answer:
    """A status, a body (an iterator: without end), and headers."""

    body: str | Iterator[bytes] = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


MANY = 50

Rule = Callable[[Request], Answer | None]

IDENTITY = Answer(
    f"<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::{ACCOUNT}:user/operator</Arn>"
    f"<UserId>AIDA</UserId><Account>{ACCOUNT}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
)


def refusal(code: str, message: str = "", status: int = 403) -> Answer:
    """Return an error of IAM or STS."""
    return Answer(
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
        "<RequestId>1</RequestId></ErrorResponse>",
        status,
    )


def s3_refusal(code: str, message: str = "", status: int = 403, more: str = "") -> Answer:
    return Answer(f"<Error><Code>{code}</Code><Message>{message}</Message>{more}</Error>", status)


class Answering:
    """The running server; the first rule with an answer gives it, and GetCallerIdentity is answered by default."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.seen: list[Request] = []
        self.rules: list[Rule] = []

    def actions(self) -> list[str]:
        return [each.action or f"{each.method} {each.path}" for each in self.seen]

    def on(self, action: str, *answers: Answer) -> None:
        """Answer an action with these in turn, and with the last one from then on."""
        left = list(answers)

        def rule(request: Request) -> Answer | None:
            if action != (request.action or f"{request.method} {request.path}"):
                return None
            return left.pop(0) if len(left) > 1 else left[0]

        self.rules.insert(0, rule)

    def on_each(self, action: str, *answers: Answer) -> None:
        """Answer an action with these in turn, without end."""
        self.on(action, *answers * MANY)

    def answer(self, request: Request) -> Answer:
        self.seen.append(request)
        found = (rule(request) for rule in self.rules)
        return next((each for each in found if each is not None), _by_default(request))


def _by_default(request: Request) -> Answer:
    return IDENTITY if request.action == "GetCallerIdentity" else Answer("", 501)


@contextmanager
def answering() -> Iterator[Answering]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts, form = urlsplit(self.path), parse_qs(body.decode("latin-1"))
            headers = {name.lower(): value for name, value in self.headers.items()}
            action = form.get("Action", [""])[0]
            given = here.answer(
                Request(self.command, parts.path, parse_qs(parts.query, keep_blank_values=True), headers, action)
            )
            self.send_response(given.status)
            for name, value in given.headers.items():
                self.send_header(name, value)
            if isinstance(given.body, str):
                content = given.body.encode()
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)
                return
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True
            try:
                for part in given.body:
                    self.wfile.write(part)
            except OSError:
                return  # the client has read enough

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = answer  # noqa: N815

        def log_message(self, *_what: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    here = Answering(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield here
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
