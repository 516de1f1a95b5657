"""One question and one answer: bounded in size and time, each failure one typed error that has no secret in it."""

import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpcore
import httpx

from coffre.acronis.errors import AbsurdAnswerError, AcronisAwayError
from coffre.acronis.wire import ending_within, open_connections
from coffre.outside import proxies
from coffre.outside.structured import UnreadableJsonError, read_json

ANSWER_BYTES = 16 * 1024**2
"""The largest answer: a page of 500 tenants has about 1 MiB."""
ANSWER_SECONDS = 60.0

Query = Mapping[str, str | int | bool | None]
"""The parameters of a call; those of None are left out."""


class NotSentError(AcronisAwayError):
    """No connection: the service was not asked anything. ``is_final`` when another attempt cannot help."""

    def __init__(self, message: str, hint: str, *, is_final: bool = False) -> None:
        super().__init__(message, hint)
        self.is_final = is_final


class NoAnswerError(AcronisAwayError):
    """The question was sent, and no whole answer came: it may have been carried out."""


@dataclass(frozen=True)
class Question:
    """A call. ``body`` is sent as JSON, ``form`` as a form; neither is ever shown."""

    doing: str
    """What the call is for, in words of an error: "read tenant X"."""
    method: str
    path: str
    query: Query = field(default_factory=dict)
    body: Any = field(default=None, repr=False)
    form: Mapping[str, str] | None = field(default=None, repr=False)

    @property
    def target(self) -> str:
        """The path with its parameters."""
        parameters = {name: _written(value) for name, value in self.query.items() if value is not None}
        return f"{self.path}?{urlencode(parameters)}" if parameters else self.path


@dataclass(frozen=True)
class Answer:
    """An answer with its whole body."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Exchange:
    """Questions to one host over kept connections; safe to use from many threads."""

    def __init__(
        self,
        url: str,
        ca_file: Path | None = None,
        *,
        answer_bytes: int = ANSWER_BYTES,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        """``url`` is an address without a path, like `DataCenter.url`."""
        self.url = url
        self._answer_bytes, self._answer_seconds = answer_bytes, answer_seconds
        self._connections = open_connections(url, ca_file)

    def close(self) -> None:
        """End the connections."""
        self._connections.close()

    def ask(self, question: Question, authorization: Callable[[], str] | None = None) -> Answer:
        """Send a question once and return its answer, of any status.

        ``authorization`` gives the value of that header. NotSentError and NoAnswerError say what is known of a question
        without an answer; AbsurdAnswerError is for one that is too large.
        """
        try:
            with ending_within(self._answer_seconds):
                return self._send(question, authorization)
        except _NOT_SENT as error:
            raise self._not_sent(question, error) from None
        except (httpx.HTTPError, httpx.StreamError, *NETWORK_ERRORS) as error:
            raise NoAnswerError(
                f"{question.doing}: {self.url} gave no whole answer ({type(error).__name__})",
                self._advice("Run the same command again later."),
            ) from None

    def _send(self, question: Question, authorization: Callable[[], str] | None) -> Answer:
        headers = {"Accept": "application/json", **_type_of(question)}
        request = self._connections.build_request(
            question.method, f"{self.url}{question.target}", headers=headers, content=_content_of(question)
        )
        if authorization is not None:
            request.headers["Authorization"] = authorization()
        response = self._connections.send(request, stream=True)
        try:
            content = bytearray()
            for piece in response.iter_bytes():
                content += piece
                if len(content) > self._answer_bytes:
                    raise AbsurdAnswerError(
                        f"{question.doing}: the answer of {self.url} is larger than any true one", _STRANGE
                    )
        finally:
            response.close()
        return Answer(response.status_code, response.headers, bytes(content))

    def _not_sent(self, question: Question, error: Exception) -> NotSentError:
        is_untrusted = "CERTIFICATE_VERIFY_FAILED" in str(error)
        if is_untrusted:
            return NotSentError(
                f"{question.doing}: the certificate of {self.url} is not trusted",
                "Check the address of the data center; a proxy that opens TLS needs its authority in ca_file.",
                is_final=True,
            )
        is_refused = isinstance(error, httpcore.ProxyError)
        why = "the proxy refuses" if is_refused else type(error).__name__
        return NotSentError(
            f"{question.doing}: no connection to {self.url} ({why})",
            self._advice("Check the address of the data center, and this computer's way to the internet."),
            is_final=is_refused,
        )

    def _advice(self, otherwise: str) -> str:
        return proxies.advice(self.url) if proxies.find_proxy(self.url) else otherwise


def read_answer(question: Question, answer: Answer, url: str) -> Any:
    """Return the JSON of an answer, None for an empty one; AbsurdAnswerError for anything else."""
    if not answer.body.strip():
        return None
    try:
        return read_json(answer.body, ANSWER_BYTES, keys_once=False)
    except UnreadableJsonError as error:
        raise absurd(question.doing, url, str(error), answer.status) from None


def absurd(doing: str, url: str, why: str, status: int | None = None) -> AbsurdAnswerError:
    """Return the error of an answer that is not one of this API."""
    return AbsurdAnswerError(f"{doing}: the answer of {url} is not one of Acronis' API: {why}", _STRANGE, status=status)


_STRANGE = (
    "Check the address of the data center, and what is between it and this computer, before you trust its answers."
)
_NOT_SENT = (httpcore.ConnectError, httpcore.ConnectTimeout, httpcore.ProxyError, httpcore.PoolTimeout)
NETWORK_ERRORS = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    ssl.SSLError,
    OSError,
)
"""What the connections of `wire` raise."""


def _written(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _type_of(question: Question) -> dict[str, str]:
    if question.form is not None:
        return {"Content-Type": "application/x-www-form-urlencoded"}
    return {} if question.body is None else {"Content-Type": "application/json"}


def _content_of(question: Question) -> bytes | None:
    if question.form is not None:
        return urlencode(question.form).encode()
    return None if question.body is None else json.dumps(question.body).encode()
