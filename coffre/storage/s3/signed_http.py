"""Signed HTTP to an S3 platform: one pooled urllib3 client and botocore's S3 signer only."""

import base64
import hashlib
import re
import ssl
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self
from urllib.parse import quote

import urllib3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from coffre.errors import InvalidFileError, RemoteError
from coffre.outside.web import EndlessAnswerError, pool_of, read_whole
from coffre.storage.s3.answers import ANSWER_SECONDS, read_bounded
from coffre.storage.s3.faults import UNAVAILABLE_STATUSES, S3Error, error_of, unreachable
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


class SignedHttp:
    """Signed requests to one endpoint with one key, or with credentials that renew; safe to use from many threads."""

    def __init__(
        self,
        endpoint: Endpoint,
        key: AccessKey | Credentials,
        read_seconds: float = READ_SECONDS,
        connections: urllib3.HTTPConnectionPool | None = None,
    ) -> None:
        """``connections`` are those of `connect_to`, shared with the requests of other keys."""
        self._endpoint = endpoint
        self._base = endpoint.url.rstrip("/")
        self._credentials = (
            key if isinstance(key, Credentials) else Credentials(key.access_key_id, key.secret_access_key)
        )
        self._pool = connections or connect_to(endpoint, read_seconds)

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
        if method not in READING_METHODS:
            fence.check()
        target = f"{path}?{_query(parameters)}"
        headers = dict(more or {})
        if self._endpoint.account_id is not None:
            headers[EXPECTED_OWNER] = self._endpoint.account_id
        if body is not None:
            # DeleteObjects asks for it.
            md5 = hashlib.md5(body, usedforsecurity=False).digest()
            headers["Content-MD5"] = base64.b64encode(md5).decode()
        request = AWSRequest(method=method, url=f"{self._base}{target}", data=body, headers=headers)
        S3SigV4Auth(self._credentials.get_frozen_credentials(), "s3", self._endpoint.region).add_auth(request)
        try:
            retries = None if body is None else False
            response = self._pool.urlopen(
                method,
                target,
                body=body,
                headers=dict(request.headers),
                retries=retries,
                preload_content=False,
                decode_content=False,
            )
            is_granted = response.status < 300
            answer = read(response) if is_granted and read is not None else read_bounded(response, doing)
        except urllib3.exceptions.HTTPError as error:
            raise unreachable(doing, self._base, str(getattr(error, "reason", None) or error)) from error
        if not is_granted:
            raise self.refusal(doing, answer, response.status)
        return answer, response.headers


def connect_to(endpoint: Endpoint, read_seconds: float = READ_SECONDS) -> urllib3.HTTPConnectionPool:
    """Return kept connections to an endpoint, for the requests of any key; none is opened before the first request."""
    base = endpoint.url.rstrip("/")
    # Of one host, not a PoolManager: that one resolves the dots of a key like "a/../b", and asks for another key.
    return pool_of(
        base,
        maxsize=_CONNECTIONS,
        timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=read_seconds),
        # Every call of ours may be repeated.
        retries=new_patience(),
        **({"ssl_context": trust(endpoint)} if base.startswith("https:") else {}),
    )


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
