"""One probe of an S3 platform: each on a new connection, without a second attempt of any request."""

import secrets
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import urllib3

from coffre.errors import ExpectedError, RemoteError
from coffre.outside.web import EndlessAnswerError, pool_of
from coffre.storage.probing import ProbeFault, ProbeResult, ProbeStep
from coffre.storage.s3.faults import AbsurdAnswerError, GoneError, S3Error
from coffre.storage.s3.signed_http import SignedHttp, trust
from coffre.storage.values import AccessKey, Endpoint, PlatformAwayError

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 10.0
OBJECT_BYTES = 1024

OF_THIS_COMPUTER = frozenset({"RequestTimeTooSkewed"})
"""Refusals that say something about this computer only: its clock is wrong."""
_SERVERS_FAULT = 500
"""HTTP statuses from here on say that the server failed."""


class FailedStepError(Exception):
    """A step of a probe failed; its cause is the error."""

    def __init__(self, step: ProbeStep, fault: ProbeFault) -> None:
        super().__init__(f"{step.value}: {fault.value}")
        self.step, self.fault = step, fault


@contextmanager
def step(name: ProbeStep) -> Iterator[None]:
    """Turn the errors of one step into FailedStepError; an error of this computer stays as it is."""
    try:
        yield
    except RemoteError as error:
        if isinstance(error, S3Error) and error.code in OF_THIS_COMPUTER:
            raise
        raise FailedStepError(name, find_fault(error)) from error


def find_fault(error: RemoteError) -> ProbeFault:
    """Return why a request failed, by the class of its error and of that error's cause. Pure."""
    cause = error.__cause__
    if isinstance(cause, urllib3.exceptions.MaxRetryError):
        cause = cause.reason
    if isinstance(cause, urllib3.exceptions.SSLError):
        is_certificate = any(isinstance(each, ssl.SSLCertVerificationError) for each in cause.args)
        return ProbeFault.CERTIFICATE if is_certificate else ProbeFault.UNREACHABLE
    # urllib3 counts a refused connection among the timeouts.
    is_refused = isinstance(cause, urllib3.exceptions.NewConnectionError)
    if isinstance(cause, urllib3.exceptions.TimeoutError) and not is_refused:
        return ProbeFault.TIMEOUT
    if isinstance(error, S3Error):
        return ProbeFault.UNAVAILABLE if error.http_status >= _SERVERS_FAULT else ProbeFault.REFUSED
    return ProbeFault.UNREACHABLE if isinstance(error, PlatformAwayError) else ProbeFault.REFUSED


def measure(at: datetime, began: float, failure: FailedStepError | None = None) -> ProbeResult:
    """Return the result of a probe that began at a time of `time.monotonic`."""
    failed = None if failure is None else (failure.step, failure.fault)
    return ProbeResult(at, round((time.monotonic() - began) * 1000), failed)


def exchange(endpoint: Endpoint, key: AccessKey, bucket: str) -> None:
    """Write an object of random content, read it back, compare it and delete it; raises FailedStepError.

    Its name is new each time: another computer, or a probe that was given up, may be at work there too.
    """
    path, content = f"/{bucket}/probe-{secrets.token_hex(8)}", secrets.token_bytes(OBJECT_BYTES)
    # A kept connection would not see that the certificate was changed, or that nobody listens any more.
    pool = pool_of(
        endpoint.url.rstrip("/"),
        maxsize=1,
        timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=ANSWER_SECONDS),
        retries=False,
        **({"ssl_context": trust(endpoint)} if endpoint.url.startswith("https:") else {}),
    )
    http = SignedHttp(endpoint, key, connections=pool)
    try:
        with step(ProbeStep.WRITE):
            http.call_s3("write a probe", "PUT", path, {}, content)
        found = _read(http, path)
        if found != content:
            raise FailedStepError(ProbeStep.COMPARE, ProbeFault.DIFFERENT)
        with step(ProbeStep.DELETE):
            http.call_s3("delete a probe", "DELETE", path, {})
    finally:
        pool.close()


def _read(http: SignedHttp, path: str) -> bytes | None:
    with step(ProbeStep.READ):
        try:
            return http.find_object("read a probe back", path, OBJECT_BYTES)
        except GoneError:
            return None
        except EndlessAnswerError as error:
            raise AbsurdAnswerError("read a probe back", "it has no end") from error


def is_of_this_computer(error: ExpectedError) -> bool:
    """Tell whether an error before the first request says nothing about the platform. Pure.

    A refusal without a code is none of the gateway's: a proxy in front of it refuses everybody.
    """
    if isinstance(error, S3Error) and (error.http_status >= _SERVERS_FAULT or error.code.startswith("HTTP ")):
        return False
    return not isinstance(error, PlatformAwayError)
