"""Signed HTTP to an S3 platform: one pooled urllib3 client and botocore's S3 signer only."""

import base64
import hashlib
import re
import ssl
from collections.abc import Mapping
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
from coffre.outside.web import pool_of
from coffre.storage.s3.answers import read_bounded
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

    def __init__(self, endpoint: Endpoint, key: AccessKey | Credentials, read_seconds: float = READ_SECONDS) -> None:
        self._endpoint = endpoint
        self._base = endpoint.url.rstrip("/")
        self._credentials = (
            key if isinstance(key, Credentials) else Credentials(key.access_key_id, key.secret_access_key)
        )
        # Of one host, not a PoolManager: that one resolves the dots of a key like "a/../b", and asks for another key.
        self._pool = pool_of(
            self._base,
            maxsize=_CONNECTIONS,
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=read_seconds),
            # Every call of ours may be repeated.
            retries=new_patience(),
            **({"ssl_context": trust(endpoint)} if self._base.startswith("https:") else {}),
        )

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
    ) -> tuple[bytes, Mapping[str, str]]:
        if method not in READING_METHODS:
            fence.check()
        target = f"{path}?{_query(parameters)}"
        headers = {} if self._endpoint.account_id is None else {EXPECTED_OWNER: self._endpoint.account_id}
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
            answer = read_bounded(response, doing)
        except urllib3.exceptions.HTTPError as error:
            raise unreachable(doing, self._base, str(getattr(error, "reason", None) or error)) from error
        if response.status >= 300:
            raise self.refusal(doing, answer, response.status)
        return answer, response.headers


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
