"""Signed HTTP to an S3 platform: one pooled urllib3 client and botocore's S3 signer only."""

import base64
import hashlib
import hmac
import re
import ssl
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit

import urllib3
import urllib3.connection
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from coffre.errors import InvalidFileError, RemoteError
from coffre.outside.plain_http import Answer, NotPlainError, PlainConnections
from coffre.outside.web import EndlessAnswerError, pool_of, read_whole
from coffre.storage.s3.answers import ANSWER_BYTES, ANSWER_SECONDS, read_bounded
from coffre.storage.s3.faults import UNAVAILABLE_STATUSES, AbsurdAnswerError, S3Error, error_of, unreachable
from coffre.storage.values import AccessKey, Endpoint
from coffre.workspace import fence

# A killed gateway delays metadata writes on the others for 26 s (measured), so a short limit would report a slow
# success as a failure.
READ_SECONDS = 45.0
CONNECT_SECONDS = 10.0
_CONNECTIONS = 32

READING_METHODS = ("GET", "HEAD")

Parameters = Mapping[str, str | int | bool | None]
"""The query of a request; values of None are left out."""

EXPECTED_OWNER = "x-amz-expected-bucket-owner"
"""The header with the account that must own the bucket of a request; S3 answers AccessDenied when another one does."""

_ALGORITHM = "AWS4-HMAC-SHA256"
_NO_BODY = hashlib.sha256().hexdigest()

MAX_REFUSAL_BYTES = 64 * 1024
_XML_CODE = re.compile(rb"<Error>.*?<Code>([A-Za-z0-9]+)</Code>", re.DOTALL)


class _Patience(urllib3.Retry):
    """Never repeats a request without an answer in time: more time would not help."""

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: urllib3.BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: urllib3.connectionpool.ConnectionPool | None = None,
        _stacktrace: TracebackType | None = None,
    ) -> Self:
        if isinstance(error, urllib3.exceptions.ReadTimeoutError):
            raise error
        remaining = super().increment(method, url, response, error, _pool, _stacktrace)
        if response is not None:
            response.close()  # Else urllib3 reads all of what it throws away. The last answer is for the caller.
        return remaining


def new_patience() -> urllib3.Retry:
    """Return how often a request is sent again: once when a kept connection was just closed, for about 8 s on a 503."""
    return _Patience(
        total=6,
        connect=0,
        read=1,
        redirect=0,
        status=5,
        other=0,
        allowed_methods=None,
        status_forcelist=UNAVAILABLE_STATUSES,
        backoff_factor=0.25,
        raise_on_status=False,
        respect_retry_after_header=False,
    )


class _Fenced(urllib3.connection.HTTPConnection):
    """Asks the fence before each attempt of a change, when it is connected: both may take long."""

    def request(self, method: str, *arguments: Any, **options: Any) -> None:
        if method not in READING_METHODS:
            fence.check()
        super().request(method, *arguments, **options)


class _FencedSafely(_Fenced, urllib3.connection.HTTPSConnection):
    """The same over TLS."""


class SignedHttp:
    """Signed requests to one endpoint with one key, or with credentials that renew; safe to use from many threads."""

    def __init__(
        self,
        endpoint: Endpoint,
        key: AccessKey | Credentials,
        read_seconds: float = READ_SECONDS,
        connections: urllib3.HTTPConnectionPool | None = None,
        plain: PlainConnections | None = None,
    ) -> None:
        """``connections`` are those of `connect_to`, shared with the requests of other keys.

        With ``plain`` (those of `connect_plainly`) what is read is asked for there first.
        """
        self._endpoint = endpoint
        self._base = endpoint.url.rstrip("/")
        self._credentials = (
            key if isinstance(key, Credentials) else Credentials(key.access_key_id, key.secret_access_key)
        )
        self._pool = connections or connect_to(endpoint, read_seconds)
        self._plain = plain
        self._day: tuple[str, str, bytes] | None = None

    def call_s3(
        self,
        doing: str,
        method: str,
        path: str,
        parameters: Parameters,
        body: bytes | None = None,
    ) -> bytes:
        """Make one call of S3 and return its answer, XML for most; ``path`` is quoted already.

        A request with a body is sent once: RGW continues abandoned requests, and two parallel deletions of one version
        leave a piece of it behind that no listing shows (measured on 16.2.15).
        """
        if self._plain is not None and method == "GET" and body is None:
            answer = self._ask(doing, self._plain, path, parameters, {}, ANSWER_BYTES)
            if answer is not None:
                return _whole(answer, doing)
        return self._request(doing, method, path, parameters, body)[0]

    def find_object(self, doing: str, path: str, limit_bytes: int) -> bytes | None:
        """Return an object; None when it is larger. At most the limit is asked for, and little more is read."""
        is_whole = True

        def read(response: urllib3.BaseHTTPResponse) -> bytes:
            nonlocal is_whole
            try:
                return read_whole(response, limit_bytes, ANSWER_SECONDS)
            except EndlessAnswerError:
                is_whole = False
                return b""

        # One byte more than the limit shows a larger object; an object may have terabytes.
        wanted = {"Range": f"bytes=0-{limit_bytes}"}
        if self._plain is not None:
            answer = self._ask(doing, self._plain, path, {}, wanted, limit_bytes)
            if answer is not None:
                return answer.body
        content = self._request(doing, "GET", path, {}, None, wanted, read)[0]
        return content if is_whole else None

    def read_time(self, doing: str, path: str, parameters: Parameters) -> datetime:
        """Return the server's clock as it states it with the answer to one signed request (whole seconds)."""
        stated = self._request(doing, "GET", path, parameters, None)[1].get("Date", "")
        try:
            return parsedate_to_datetime(stated).astimezone(UTC)
        except (TypeError, ValueError, OverflowError) as error:
            raise RemoteError(f"{self._base} does not send its time", "Ask the operator of the platform.") from error

    def ask_plainly(self, doing: str, path: str) -> Mapping[str, str]:
        """Return the headers of any answer to an unsigned GET."""
        try:
            response = self._pool.urlopen("GET", path, preload_content=False, decode_content=False)
            read_bounded(response, doing)
        except urllib3.exceptions.HTTPError as error:
            raise unreachable(doing, self._base, str(getattr(error, "reason", None) or error)) from error
        return response.headers

    def refusal(self, doing: str, answer: bytes, status: int) -> S3Error:
        """Return the typed error for the answer to a refused request."""
        found = _XML_CODE.search(answer[:MAX_REFUSAL_BYTES])
        return error_of(doing, found[1].decode() if found else f"HTTP {status}", status)

    def _request(
        self,
        doing: str,
        method: str,
        path: str,
        parameters: Parameters,
        body: bytes | None,
        more: Mapping[str, str] | None = None,
        read: Callable[[urllib3.BaseHTTPResponse], bytes] | None = None,
    ) -> tuple[bytes, Mapping[str, str]]:
        """Make one request, with ``more`` headers; ``read`` reads the answer to a granted one."""
        target = f"{path}?{_query(parameters)}"
        headers = self._sign(method, target, body, more or {})
        try:
            retries = None if body is None else False
            response = self._pool.urlopen(
                method,
                target,
                body=body,
                headers=headers,
                retries=retries,
                preload_content=False,
                decode_content=False,
            )
            is_granted = _is_granted(response.status)
            answer = read(response) if is_granted and read is not None else read_bounded(response, doing)
        except urllib3.exceptions.HTTPError as error:
            raise unreachable(doing, self._base, str(getattr(error, "reason", None) or error)) from error
        if not is_granted:
            raise self.refusal(doing, answer, response.status)
        return answer, response.headers

    def _ask(
        self,
        doing: str,
        plain: PlainConnections,
        path: str,
        parameters: Parameters,
        more: Mapping[str, str],
        limit_bytes: int,
    ) -> Answer | None:
        """Read something by the plain connections; None where only the whole client can."""
        target = f"{path}?{_query(parameters)}"

        def limit(status: int) -> int:
            return limit_bytes if _is_granted(status) else ANSWER_BYTES

        try:
            answer = plain.get(target, self._sign_reading(target, more), limit, ANSWER_SECONDS)
        except NotPlainError:
            return None
        except EndlessAnswerError:
            raise AbsurdAnswerError(doing, "it has no end") from None
        except TimeoutError as error:
            raise unreachable(doing, self._base, f"Read timed out. ({error})") from error
        if not _is_granted(answer.status):
            raise self.refusal(doing, _whole(answer, doing), answer.status)
        return answer

    def _sign(self, method: str, target: str, body: bytes | None, more: Mapping[str, str]) -> dict[str, str]:
        """Return the headers of a request, with ``more`` and its signature."""
        headers = dict(more)
        if self._endpoint.account_id is not None:
            headers[EXPECTED_OWNER] = self._endpoint.account_id
        if body is not None:
            # DeleteObjects asks for it.
            md5 = hashlib.md5(body, usedforsecurity=False).digest()
            headers["Content-MD5"] = base64.b64encode(md5).decode()
        request = AWSRequest(method=method, url=f"{self._base}{target}", data=body, headers=headers)
        S3SigV4Auth(self._credentials.get_frozen_credentials(), "s3", self._endpoint.region).add_auth(request)
        return dict(request.headers)

    def _sign_reading(self, target: str, more: Mapping[str, str]) -> dict[str, str]:
        """Return the headers of a GET as `_sign` does; most of the work of that is for other calls."""
        key = self._credentials.get_frozen_credentials()
        if not key.secret_key or key.token or self._endpoint.account_id is not None:
            return self._sign("GET", target, None, more)
        path, _, query = target.partition("?")
        moment = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        headers = {name.lower(): value for name, value in more.items()}
        headers |= {"host": urlsplit(self._base).netloc, "x-amz-content-sha256": _NO_BODY, "x-amz-date": moment}
        names = sorted(headers)
        signed = ";".join(names)
        request = "\n".join(["GET", path, query, *(f"{name}:{headers[name]}" for name in names), "", signed, _NO_BODY])
        scope = f"{moment[:8]}/{self._endpoint.region}/s3/aws4_request"
        text = "\n".join([_ALGORITHM, moment, scope, hashlib.sha256(request.encode()).hexdigest()])
        signature = hmac.digest(self._signing_key(key.secret_key, scope), text.encode(), "sha256").hex()
        credential = f"Credential={key.access_key}/{scope}, SignedHeaders={signed}, Signature={signature}"
        return {**headers, "authorization": f"{_ALGORITHM} {credential}"}

    def _signing_key(self, secret: str, scope: str) -> bytes:
        """Return the key that signs for a day; the last one is kept."""
        if self._day is None or self._day[:2] != (secret, scope):
            key = f"AWS4{secret}".encode()
            for part in scope.split("/"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._day = (secret, scope, key)
        return self._day[2]


def _is_granted(status: int) -> bool:
    return status < 300


def _whole(answer: Answer, doing: str) -> bytes:
    if answer.body is None:
        raise AbsurdAnswerError(doing, "it has no end")
    return answer.body


def connect_to(endpoint: Endpoint, read_seconds: float = READ_SECONDS) -> urllib3.HTTPConnectionPool:
    """Return kept connections to an endpoint, for the requests of any key; none is opened before the first request."""
    base = endpoint.url.rstrip("/")
    # Of one host, not a PoolManager: that one resolves the dots of a key like "a/../b", and asks for another key.
    pool = pool_of(
        base,
        maxsize=_CONNECTIONS,
        timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=read_seconds),
        # Every call of ours may be repeated.
        retries=new_patience(),
        **({"ssl_context": trust(endpoint)} if base.startswith("https:") else {}),
    )
    pool.ConnectionCls = _FencedSafely if base.startswith("https:") else _Fenced
    return pool


def connect_plainly(endpoint: Endpoint) -> PlainConnections:
    """Return kept connections for reading much in small parts; none is opened before the first request."""
    trusted = trust(endpoint) if endpoint.url.startswith("https:") else None
    return PlainConnections(endpoint.url, trusted, CONNECT_SECONDS, READ_SECONDS)


def trust(endpoint: Endpoint) -> ssl.SSLContext:
    """Return the trusted authorities for an endpoint; InvalidFileError when its CA file cannot be used."""
    try:
        return ssl.create_default_context(cafile=endpoint.ca_file)
    except OSError as error:  # also what OpenSSL raises for a file without a certificate
        raise InvalidFileError(
            f"the CA file of {endpoint.url} cannot be used: {endpoint.ca_file} ({error.strerror or 'no certificate'})",
            "see ca_file in platform.yaml and in the platform's endpoints file",
        ) from error


def _query(parameters: Parameters) -> str:
    """Return the query string in the form of the signature: sorted, every name with a value; None is left out."""
    pairs = []
    for name, value in sorted(parameters.items()):
        if value is None:
            continue
        text = str(value).lower() if isinstance(value, bool) else str(value)
        pairs.append(f"{quote(name, safe='-_.~')}={quote(text, safe='-_.~')}")
    return "&".join(pairs)
