"""S3's refusals: one class per error code; only this module turns botocore's errors into Coffre's."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from xml.etree.ElementTree import ParseError

from botocore.exceptions import BotoCoreError, ClientError, PaginationError

from coffre.errors import RemoteError
from coffre.outside.proxies import advice, find_proxy
from coffre.storage.values import BucketGoneError, BucketHoldsSomethingError, PlatformAwayError, QuotaExceededError

MAX_CODE_LENGTH = 100
_MAX_DETAIL_LENGTH = 300


def shorten(text: str) -> str:
    """Return a platform's text as one short line of printable characters."""
    line = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return line if len(line) <= _MAX_DETAIL_LENGTH else f"{line[: _MAX_DETAIL_LENGTH - 1]}…"


class S3Error(RemoteError):
    """The platform refused a call; ``code`` is its error code."""

    def __init__(self, doing: str, code: str, status: int, detail: str = "", hint: str = "") -> None:
        code, detail = code[:MAX_CODE_LENGTH], shorten(detail)
        said = f"{code}: {detail}" if detail and detail != code else code
        super().__init__(f"{doing}: the platform said {said} (HTTP {status})", hint)
        self.code = code
        self.http_status = status


class GoneError(S3Error):
    """The requested thing does not exist."""


class NoSuchBucketError(GoneError, BucketGoneError): ...


class NoSuchKeyError(GoneError): ...


class NoSuchUploadError(GoneError): ...


class NotConfiguredError(GoneError):
    """The bucket exists and has no such setting: no policy, no lifecycle, no tags, no lock."""


class UnknownKeyError(S3Error):
    """No user has this access key id."""


class BucketAlreadyExistsError(S3Error):
    """Another user owns a bucket of this name, or (RGW, on deleting a user) the user still owns buckets."""


class BucketNotEmptyError(S3Error, BucketHoldsSomethingError): ...


class AccessRefusedError(S3Error): ...


class UserSuspendedError(S3Error): ...


class ExpiredCredentialError(S3Error):
    """The credential was temporary and has expired, or its session token is invalid."""


class WrongRegionError(S3Error):
    """The bucket, or the address, belongs to another region than the request is signed for."""


class WallReachedError(S3Error, QuotaExceededError): ...


class UnavailableError(S3Error, PlatformAwayError):
    """The gateway, or a proxy in front of it, answered several times that it cannot serve now."""


class AbsurdAnswerError(RemoteError):
    """The platform's answer is not one of S3: too large, without end, or with other fields."""

    def __init__(self, doing: str, why: str) -> None:
        super().__init__(
            f"{doing}: the platform's answer is not as its API promises: {why}",
            "Check what is between this computer and the platform, and who runs it, before you trust its answers.",
        )


class PlatformUnreachableError(PlatformAwayError):
    """The platform did not answer, or its certificate is not trusted."""


CLASSES: dict[str, type[S3Error]] = {
    "NoSuchBucket": NoSuchBucketError,
    "NoSuchKey": NoSuchKeyError,
    "NoSuchUpload": NoSuchUploadError,
    "NoSuchBucketPolicy": NotConfiguredError,
    "NoSuchLifecycleConfiguration": NotConfiguredError,
    "NoSuchTagSet": NotConfiguredError,
    "NoSuchTagSetError": NotConfiguredError,
    "NoSuchPublicAccessBlockConfiguration": NotConfiguredError,
    "OwnershipControlsNotFoundError": NotConfiguredError,
    "ServerSideEncryptionConfigurationNotFoundError": NotConfiguredError,
    "ObjectLockConfigurationNotFoundError": NotConfiguredError,
    "NoSuchObjectLockConfiguration": NotConfiguredError,
    "InvalidAccessKeyId": UnknownKeyError,
    "InvalidAccessKey": UnknownKeyError,
    "BucketAlreadyExists": BucketAlreadyExistsError,
    "BucketNotEmpty": BucketNotEmptyError,
    "AccessDenied": AccessRefusedError,
    "SignatureDoesNotMatch": AccessRefusedError,
    "RequestTimeTooSkewed": AccessRefusedError,
    "ExpiredToken": ExpiredCredentialError,
    "InvalidToken": ExpiredCredentialError,
    "TokenRefreshRequired": ExpiredCredentialError,
    "PermanentRedirect": WrongRegionError,
    "AuthorizationHeaderMalformed": WrongRegionError,
    "IllegalLocationConstraintException": WrongRegionError,
    "UserSuspended": UserSuspendedError,
    "QuotaExceeded": WallReachedError,
    "SlowDown": UnavailableError,
    "ServiceUnavailable": UnavailableError,
    "OperationAborted": UnavailableError,
}

UNAVAILABLE_STATUSES = (502, 503, 504)

HINTS = {
    "AccessDenied": "the key has no right to do this; `coffre platform check` tells what the administrator's key lacks",
    "SignatureDoesNotMatch": "the secret does not belong to this access key: compare the administrator's key with "
    "`admin_credential:` of platform.yaml, other keys with the secret store; nothing was changed",
    "InvalidAccessKeyId": "no user has this access key, or it is inactive: compare the administrator's key with "
    "`admin_credential:` of platform.yaml, other keys with the secret store",
    "RequestTimeTooSkewed": "this computer's clock and the platform's differ by more than 15 minutes: correct "
    "the wrong one (`timedatectl`; `coffre platform check` measures), then run the same command again",
    **dict.fromkeys(
        ("ExpiredToken", "InvalidToken", "TokenRefreshRequired"),
        "the temporary credentials have expired: get new ones (`aws sso login`, or a new session token), then run the "
        "same command again",
    ),
    **dict.fromkeys(
        ("PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"),
        "the bucket is in another region than `region:` of platform.yaml: correct that line, or find out who created "
        "the bucket; nothing in another region is read or written",
    ),
    "OperationAborted": "another change of the same bucket is still running on the platform: wait some minutes, then "
    "run the same command again",
    "UserSuspended": "the user is suspended on the platform; enable it first",
    "QuotaExceeded": "the tenant's wall is reached: raise it during the work, or free space",
}


def error_of(
    doing: str,
    code: str,
    status: int,
    detail: str = "",
    *,
    classes: Mapping[str, type[S3Error]] = CLASSES,
    hints: Mapping[str, str] = HINTS,
) -> S3Error:
    """Return the typed error for a code; ``doing`` names the attempted action and its subject.

    ``classes`` and ``hints`` are those of another API of a platform, by code.
    """
    if status in UNAVAILABLE_STATUSES:
        return _unavailable(doing, code, status)
    return classes.get(code, S3Error)(doing, code, status, detail, hints.get(code, ""))


def _unavailable(doing: str, code: str, status: int) -> UnavailableError:
    # A proxy in front of the gateway does not send RGW's codes.
    named = code if code.isalpha() else "ServiceUnavailable"
    return UnavailableError(
        doing,
        named,
        status,
        hint="the platform is up but cannot serve now (starting, overloaded or under maintenance), even after "
        "several attempts: wait, then run the same command again",
    )


def unreachable(doing: str, url: str, cause: str) -> PlatformUnreachableError:
    """Return the error for a platform that gave no answer; ``cause`` is the library's own text."""
    proxy = find_proxy(url)
    by = "" if proxy is None else f" through the proxy {proxy.shown}"
    if "certificate verify failed" in cause.lower():
        reason = _reason(cause)
        is_dated = "expired" in reason or "not yet valid" in reason
        return PlatformUnreachableError(
            f"{doing}: the certificate of {url}{by} is not accepted: {reason}",
            "the platform's operator must renew it; also check that this computer's clock is right"
            if is_dated
            else "compare ca_file of the platform's endpoints with the authority that signed its certificate; "
            "no secret was sent",
        )
    return PlatformUnreachableError(
        f"{doing}: no answer from {url}{by}: {_reason(cause)}",
        "check that the platform is up and that this computer reaches it" if proxy is None else advice(url),
    )


def _reason(cause: str) -> str:
    """Return the last part of a library's nested message: the one of the operating system."""
    line = " ".join(cause.split()).split(" (_ssl.c", 1)[0].rsplit(": ", 1)[-1].rstrip("\"')")
    if "Tunnel connection failed" in cause:
        return f"it answers {line}"
    if "EOF occurred in violation of protocol" in line or line == "Remote end closed connection without response":
        return "it closed the connection without an answer"
    if "read timeout=" in line or "timed out" in line.lower():
        return "it did not answer in time"
    return line if len(line) <= 160 else line[:159] + "…"


def response_parser_error() -> type[Exception]:
    """Return botocore's error for an answer that it cannot parse; its module takes 0.1 s to load."""
    from botocore.parsers import ResponseParserError

    return ResponseParserError


# S3 HEAD calls return a status without a code.
BARE_STATUS = {"404": "NoSuchKey", "403": "AccessDenied", "400": "BadRequest", "301": "PermanentRedirect"}


@contextmanager
def s3_errors(doing: str, url: str = "the platform") -> Iterator[None]:
    """Turn botocore's errors inside the block into ours."""
    with answer_errors(doing, url, "it is no XML of S3"):
        try:
            yield
        except ClientError as error:
            answer = error.response.get("Error", {})
            code = answer.get("Code", "Unknown")
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            raise error_of(doing, BARE_STATUS.get(code, code), status, answer.get("Message", "") or "") from error


@contextmanager
def answer_errors(doing: str, url: str, unparsed: str) -> Iterator[None]:
    """Turn botocore's errors about a missing or absurd answer into ours; ``unparsed`` says which format it lacks."""
    try:
        yield
    except PaginationError as error:
        raise AbsurdAnswerError(doing, "the listing is circular or has no end") from error
    except BotoCoreError as error:
        raise unreachable(doing, url, str(error.kwargs.get("error", error))) from error
    except (AttributeError, KeyError, OverflowError, ParseError, RuntimeError, TypeError, ValueError) as error:
        # botocore expects AWS's own formats; for a time that it cannot read it raises a bare RuntimeError.
        raise AbsurdAnswerError(doing, "a field is missing or has the wrong type") from error
    except response_parser_error() as error:
        raise AbsurdAnswerError(doing, unparsed) from error
