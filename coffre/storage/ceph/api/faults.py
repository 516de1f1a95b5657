"""What RGW answers when it says no: one class a code, and the one place where botocore's errors become ours."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from coffre.errors import RemoteError
from coffre.outside.proxies import advice, find_proxy
from coffre.storage.driver import (
    BucketGoneError,
    BucketHoldsSomethingError,
    PlatformAwayError,
    QuotaExceededError,
)


class RgwError(RemoteError):
    """RGW refused a call; ``code`` is its own word for it."""

    def __init__(self, doing: str, code: str, status: int, detail: str = "", hint: str = "") -> None:
        said = f"{code}: {detail}" if detail and detail != code else code
        super().__init__(f"{doing}: RGW said {said} (HTTP {status})", hint)
        self.code = code
        self.http_status = status


class GoneError(RgwError):
    """The thing asked for does not exist."""


class NoSuchUserError(GoneError): ...


class NoSuchBucketError(GoneError, BucketGoneError): ...


class NoSuchKeyError(GoneError): ...


class NoSuchUploadError(GoneError): ...


class NotConfiguredError(GoneError):
    """The bucket exists and has no such setting: no policy, no lifecycle, no tags, no lock."""


class UserAlreadyExistsError(RgwError): ...


class KeyExistsError(RgwError):
    """The access key id is in use, possibly by another user."""


class UnknownKeyError(RgwError):
    """No user has this access key id."""


class BucketAlreadyExistsError(RgwError):
    """Another user owns a bucket of this name, or (on deleting a user) the user still owns buckets."""


class BucketNotEmptyError(RgwError, BucketHoldsSomethingError): ...


class AccessRefusedError(RgwError): ...


class UserSuspendedError(RgwError): ...


class WallReachedError(RgwError, QuotaExceededError): ...


class ConcurrentWriteError(RgwError):
    """Two writes met on one user; nothing was written and the same call may succeed (measured on 16.2.15)."""


class UnavailableError(RgwError, PlatformAwayError):
    """The gateway, or what stands before it, answers that it cannot serve now; asked several times."""


class AbsurdAnswerError(RemoteError):
    """The platform's answer is none that RGW gives: too large, without end, or of other fields."""

    def __init__(self, doing: str, why: str) -> None:
        super().__init__(
            f"{doing}: the platform's answer is none of RGW's: {why}",
            "See what stands between this computer and the platform, and who runs it, before trusting what it says.",
        )


class UnreachableError(PlatformAwayError):
    """The platform did not answer, or its certificate is not vouched for."""


_CLASSES: dict[str, type[RgwError]] = {
    "NoSuchUser": NoSuchUserError,
    "NoSuchBucket": NoSuchBucketError,
    "NoSuchKey": NoSuchKeyError,
    "NoSuchUpload": NoSuchUploadError,
    "NoSuchBucketPolicy": NotConfiguredError,
    "NoSuchLifecycleConfiguration": NotConfiguredError,
    "NoSuchTagSet": NotConfiguredError,
    "NoSuchTagSetError": NotConfiguredError,
    "NoSuchPublicAccessBlockConfiguration": NotConfiguredError,
    "ObjectLockConfigurationNotFoundError": NotConfiguredError,
    "NoSuchObjectLockConfiguration": NotConfiguredError,
    "UserAlreadyExists": UserAlreadyExistsError,
    "UserExists": UserAlreadyExistsError,
    "KeyExists": KeyExistsError,
    "InvalidAccessKeyId": UnknownKeyError,
    "InvalidAccessKey": UnknownKeyError,
    "BucketAlreadyExists": BucketAlreadyExistsError,
    "BucketNotEmpty": BucketNotEmptyError,
    "AccessDenied": AccessRefusedError,
    "SignatureDoesNotMatch": AccessRefusedError,
    "RequestTimeTooSkewed": AccessRefusedError,
    "UserSuspended": UserSuspendedError,
    "QuotaExceeded": WallReachedError,
    "ConcurrentModification": ConcurrentWriteError,
    "UnknownError": ConcurrentWriteError,
    "SlowDown": UnavailableError,
    "ServiceUnavailable": UnavailableError,
}

UNAVAILABLE_STATUSES = (502, 503, 504)

_HINTS = {
    "AccessDenied": "the key has no right to do this; for the administrator's, see its capabilities "
    "(users=*;buckets=*;metadata=*)",
    "SignatureDoesNotMatch": "the secret does not belong to this access key: for the administrator's, compare it with "
    "`admin_credential:` of platform.yaml, else with the secret store; nothing was changed",
    "InvalidAccessKeyId": "no user has this access key: for the administrator's, compare it with `admin_credential:` "
    "of platform.yaml, else with the secret store",
    "RequestTimeTooSkewed": "this computer's clock and the platform's are more than 15 minutes apart: set "
    "the wrong one right (`timedatectl`; `coffre platform check` measures), then run the same command again",
    "UserSuspended": "the user is suspended on the platform; enable it first",
    "QuotaExceeded": "the tenant's wall is reached: raise it for the time of the work, or free space",
    "UnknownError": "another write was under way on this user; run the same command again",
    "ConcurrentModification": "another write was under way on this user; run the same command again",
}


def error_of(doing: str, code: str, status: int, detail: str = "") -> RgwError:
    """Return the typed error for RGW's code; ``doing`` says what was tried, and on what."""
    if status in UNAVAILABLE_STATUSES:
        return _unavailable(doing, code, status)
    kind = _CLASSES.get(code, RgwError)
    if kind is ConcurrentWriteError and code == "UnknownError" and status != 500:
        kind = RgwError
    return kind(doing, code, status, detail, _HINTS.get(code, ""))


def _unavailable(doing: str, code: str, status: int) -> UnavailableError:
    # A proxy before the gateway has no code of RGW's.
    named = code if code.isalpha() else "ServiceUnavailable"
    return UnavailableError(
        doing,
        named,
        status,
        hint="the platform is up and cannot serve now (starting, overloaded or under maintenance); it was asked "
        "several times: wait, then run the same command again",
    )


def unreachable(doing: str, url: str, cause: str) -> UnreachableError:
    """Return the error for a platform that gave no answer; ``cause`` is the library's own text."""
    proxy = find_proxy(url)
    by = "" if proxy is None else f" through the proxy {proxy.shown}"
    if "certificate verify failed" in cause.lower():
        reason = _reason(cause)
        is_dated = "expired" in reason or "not yet valid" in reason
        return UnreachableError(
            f"{doing}: the certificate of {url}{by} is not accepted: {reason}",
            "the platform's operator renews it; see also that this computer's clock is right"
            if is_dated
            else "compare ca_file of the platform's endpoints with the authority that signed its certificate; "
            "no secret was sent",
        )
    return UnreachableError(
        f"{doing}: no answer from {url}{by}: {_reason(cause)}",
        "see that the platform is up and that this computer reaches it" if proxy is None else advice(url),
    )


def _reason(cause: str) -> str:
    """Return the last part of a library's nested message, where the operating system speaks."""
    line = " ".join(cause.split()).split(" (_ssl.c", 1)[0].rsplit(": ", 1)[-1].rstrip("\"')")
    if "Tunnel connection failed" in cause:
        return f"it answers {line}"
    if "EOF occurred in violation of protocol" in line or line == "Remote end closed connection without response":
        return "it closed the connection without a word"
    if "read timeout=" in line or "timed out" in line.lower():
        return "it did not answer in time"
    return line if len(line) <= 160 else line[:159] + "…"


# What S3 HEAD calls answer: a status without a code.
_BARE_STATUS = {"404": "NoSuchKey", "403": "AccessDenied", "400": "BadRequest"}


@contextmanager
def rgw_errors(doing: str, url: str = "the platform") -> Iterator[None]:
    """Turn what botocore raises inside the block into our errors."""
    try:
        yield
    except ClientError as error:
        answer = error.response.get("Error", {})
        code = answer.get("Code", "Unknown")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        raise error_of(doing, _BARE_STATUS.get(code, code), status, answer.get("Message", "") or "") from error
    except BotoCoreError as error:
        raise unreachable(doing, url, str(error.kwargs.get("error", error))) from error
    except (AttributeError, KeyError, OverflowError, RuntimeError, TypeError, ValueError) as error:
        # botocore reads what it is given as S3 would write it; a time that it cannot place is its bare RuntimeError.
        raise AbsurdAnswerError(doing, "a field is missing, or of another kind") from error
