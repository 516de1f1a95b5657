"""Observes an endpoint without a key: the connection, TLS, the certificate, the clock."""

import contextlib
import http.client
import socket
import ssl
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from coffre.outside.proxies import connect
from coffre.storage.s3.signed_http import trust
from coffre.storage.values import Endpoint

ANSWER_SECONDS = 10.0
"""The maximum duration of one step of an endpoint: connection, TLS, answer."""
ANSWER_BYTES = 1024**2
"""The maximum that is read of an answer: only its headers are used."""
_PLAIN_SECONDS = 3.0


@dataclass(frozen=True)
class Wire:
    """The observation of an endpoint; None where something was not seen.

    ``failure`` is the reason for no answer; ``distrust_code`` is OpenSSL's code for a refused certificate.
    ``clock_offset_seconds`` is how far the endpoint's clock is ahead of this computer's; ``speaks_plain`` whether it
    also serves without TLS.
    """

    is_tls: bool
    connect_seconds: float | None = None
    failure: str = ""
    distrust_code: int | None = None
    distrust: str = ""
    tls_version: str | None = None
    expires_at: datetime | None = None
    status: int | None = None
    clock_offset_seconds: float | None = None
    server: str | None = None
    speaks_plain: bool = False


def look(endpoint: Endpoint) -> Wire:
    """Connect once without a key and return the observation; InvalidFileError when the CA file cannot be used."""
    parts = urlsplit(endpoint.url)
    is_tls = parts.scheme == "https"
    host, port = parts.hostname or "", parts.port or (443 if is_tls else 80)
    seen = Wire(is_tls)
    try:
        began = time.monotonic()
        with connect(endpoint.url, ANSWER_SECONDS):
            seen = replace(seen, connect_seconds=time.monotonic() - began)
        if is_tls:
            return _ask(seen, host, port, endpoint)
        plain = http.client.HTTPConnection(host, port)
        plain.sock = connect(endpoint.url, ANSWER_SECONDS)
        return _get(seen, plain)
    except ssl.SSLCertVerificationError as error:
        certificate = _presented(endpoint.url, host)
        return replace(
            seen,
            distrust_code=error.verify_code,
            distrust=error.verify_message.lower(),
            expires_at=None if certificate is None else certificate.not_valid_after_utc,
        )
    except (OSError, http.client.HTTPException) as error:
        return replace(seen, failure=_reason(error, host))


def _ask(seen: Wire, host: str, port: int, endpoint: Endpoint) -> Wire:
    context = trust(endpoint)
    connection = http.client.HTTPSConnection(host, port, timeout=ANSWER_SECONDS, context=context)
    with contextlib.closing(connection):
        connection.sock = context.wrap_socket(connect(endpoint.url, ANSWER_SECONDS), server_hostname=host)
        body = connection.sock.getpeercert(binary_form=True) or b""
        version, certificate = connection.sock.version(), x509.load_der_x509_certificate(body)
        expiries = [certificate.not_valid_after_utc, *_authority_expiries(certificate, endpoint.ca_file)]
        seen = replace(
            seen, tls_version=version, expires_at=min(expiries), speaks_plain=_answers_plainly(endpoint.url, host)
        )
        return _get(seen, connection)


def _get(seen: Wire, connection: http.client.HTTPConnection) -> Wire:
    connection.timeout = ANSWER_SECONDS
    with contextlib.closing(connection):
        began = datetime.now(UTC)
        try:
            connection.request("GET", "/")
            answer = connection.getresponse()
            with contextlib.closing(answer):
                answer.read(ANSWER_BYTES)
        except (OSError, http.client.HTTPException) as error:
            return replace(seen, failure=_reason(error, connection.host))
        middle = began + (datetime.now(UTC) - began) / 2
        return replace(
            seen, status=answer.status, server=answer.headers["Server"], clock_offset_seconds=_offset(answer, middle)
        )


def _offset(answer: http.client.HTTPResponse, middle: datetime) -> float | None:
    try:
        stated = parsedate_to_datetime(answer.headers["Date"])
    except (TypeError, ValueError):
        return None
    # The header has whole seconds, rounded down: half a second more is the middle.
    return (stated.astimezone(UTC) - middle).total_seconds() + 0.5


def _authority_expiries(certificate: x509.Certificate, ca_file: Path | None) -> list[datetime]:
    """Return when the authority of our CA file that signed a certificate expires; None when it is not in the file."""
    if ca_file is None:
        return []
    authorities = x509.load_pem_x509_certificates(ca_file.read_bytes())
    return [each.not_valid_after_utc for each in authorities if _has_signed(each, certificate)]


def _has_signed(authority: x509.Certificate, certificate: x509.Certificate) -> bool:
    """Compare by the signature: a renewed authority has the same name as the old one."""
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _presented(url: str, host: str) -> x509.Certificate | None:
    """Return the endpoint's certificate, by any signer; nothing is sent over that connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            connect(url, ANSWER_SECONDS) as raw,
            context.wrap_socket(raw, server_hostname=host) as secured,
        ):
            return x509.load_der_x509_certificate(secured.getpeercert(binary_form=True) or b"")
    except (OSError, ValueError):
        return None


def _answers_plainly(url: str, host: str) -> bool:
    """Tell whether the TLS port also serves requests without TLS."""
    connection = http.client.HTTPConnection(host)
    with contextlib.closing(connection):
        try:
            connection.sock = connect(url, _PLAIN_SECONDS)
            connection.request("GET", "/")
            return connection.getresponse().status < 300
        except (OSError, http.client.HTTPException):
            return False


def _reason(error: Exception, host: str) -> str:
    """Explain why there was no answer."""
    if isinstance(error, socket.gaierror):
        return f"the name {host} does not resolve"
    if isinstance(error, TimeoutError):
        return f"it did not answer within {ANSWER_SECONDS:.0f} seconds"
    if isinstance(error, ConnectionRefusedError):
        return "no program listens there"
    if isinstance(error, ConnectionResetError | BrokenPipeError | http.client.RemoteDisconnected | ssl.SSLEOFError):
        return "it closed the connection without an answer"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or 'no reason was given'}"
    return " ".join(str(getattr(error, "strerror", None) or error).split())
