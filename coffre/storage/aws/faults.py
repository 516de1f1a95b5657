"""AWS's refusals and botocore's own troubles: one clear error each, with what to do. No message quotes a secret."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConfigNotFound,
    ConfigParseError,
    CredentialRetrievalError,
    InvalidConfigError,
    MissingDependencyException,
    NoAuthTokenError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    SSOError,
    TokenRetrievalError,
    UnknownCredentialError,
)

from coffre.errors import RefusedError, RemoteError
from coffre.storage.s3 import faults as s3
from coffre.storage.s3.faults import (
    AbsurdAnswerError,
    AccessRefusedError,
    ExpiredCredentialError,
    GoneError,
    S3Error,
    UnavailableError,
    UnknownKeyError,
    WrongRegionError,
    answer_errors,
    error_of,
)

ASSUME_ROLE = "AssumeRole"


class CredentialError(RemoteError):
    """There is no usable credential for AWS."""


class WrongAccountError(RefusedError):
    """The credential belongs to another account than platform.yaml names; nothing was read or written."""


class NoSuchEntityError(GoneError):
    """IAM has no such user, key or policy."""


class LimitReachedError(S3Error):
    """A limit of AWS is reached, for example two access keys of one user."""


class RoleRefusedError(AccessRefusedError):
    """The role of platform.yaml cannot be assumed with the credential."""


_THROTTLED = (
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestLimitExceeded",
    "TooManyRequestsException",
    "SlowDown",
    "BandwidthLimitExceeded",
    "PriorRequestNotComplete",
)
_BROKEN = (
    "ConcurrentModification",
    "EntityTemporarilyUnmodifiable",
    "InternalError",
    "InternalFailure",
    "InternalServiceError",
    "ServiceFailure",
    "ServiceUnavailable",
)
_EXPIRED = ("ExpiredToken", "ExpiredTokenException", "InvalidToken", "TokenRefreshRequired")
_DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized")
_UNKNOWN_KEY = ("InvalidClientTokenId", "InvalidAccessKeyId", "UnrecognizedClientException")
_SKEWED = ("RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture")

CLASSES: Mapping[str, type[S3Error]] = {
    **s3.CLASSES,
    **dict.fromkeys((*_THROTTLED, *_BROKEN), UnavailableError),
    **dict.fromkeys(_EXPIRED, ExpiredCredentialError),
    **dict.fromkeys((*_DENIED, *_SKEWED, "SignatureDoesNotMatch", "IncompleteSignature"), AccessRefusedError),
    **dict.fromkeys(_UNKNOWN_KEY, UnknownKeyError),
    "NoSuchEntity": NoSuchEntityError,
    "LimitExceeded": LimitReachedError,
    "RegionDisabledException": WrongRegionError,
}

_CLOCK = (
    "this computer's clock and AWS's differ by more than AWS allows: correct this one (`timedatectl`), then run the "
    "same command again"
)

HINTS: Mapping[str, str] = {
    **s3.HINTS,
    **dict.fromkeys(
        _THROTTLED, "AWS limits how fast an account may call it: wait some minutes, then run the same command again"
    ),
    **dict.fromkeys(
        _BROKEN,
        "AWS cannot do this now: wait some minutes, then run the same command again",
    ),
    **dict.fromkeys(_EXPIRED, s3.HINTS["ExpiredToken"]),
    **dict.fromkeys(
        _DENIED,
        "give this right to Coffre's own credential: `coffre platform policy` prints all rights that it needs",
    ),
    **dict.fromkeys(
        _UNKNOWN_KEY,
        "no user has this access key, or it is inactive: compare it with `credential:` of platform.yaml, or with what "
        "AWS's own tools use (`aws sts get-caller-identity`)",
    ),
    **dict.fromkeys(_SKEWED, _CLOCK),
    "SignatureDoesNotMatch": "the secret does not belong to this access key: compare it with `credential:` of "
    "platform.yaml, or with what AWS's own tools use; nothing was changed",
    "LimitExceeded": "an account or a user has as many of these as AWS allows (two access keys of one user): delete "
    "those that nobody uses, or ask AWS for more",
    "RegionDisabledException": "the account has not enabled this region: enable it, or correct `region:` of "
    "platform.yaml",
}

_LOOK = "Check `credential:` of platform.yaml, or what AWS's own tools say: `aws sts get-caller-identity`."
_SKEW_SAID = re.compile(r"signature expired|not yet current|still in the future", re.IGNORECASE)
_ACTION = re.compile(r"not authorized to perform: ([A-Za-z0-9-]{1,40}:[A-Za-z0-9]{1,80})")

_CREDENTIAL_TROUBLES = (
    NoCredentialsError,
    NoAuthTokenError,
    PartialCredentialsError,
    CredentialRetrievalError,
    UnknownCredentialError,
    TokenRetrievalError,
    SSOError,
    InvalidConfigError,
    ConfigNotFound,
    ConfigParseError,
    MissingDependencyException,
)


@contextmanager
def aws_errors(doing: str, url: str) -> Iterator[None]:
    """Turn botocore's errors inside the block into ours; of calls with Coffre's own credential."""
    with answer_errors(doing, url, "it is not in the format of AWS"):
        try:
            yield
        except ClientError as error:
            raise refusal_of(doing, error) from error
        except _CREDENTIAL_TROUBLES as error:
            raise _no_credential(doing, error) from error
        except ParamValidationError as error:
            raise AbsurdAnswerError(doing, "a name in it has a form that AWS never uses") from error


def refusal_of(doing: str, error: ClientError) -> S3Error:
    """Return the typed error for a refusal by a service of AWS."""
    answer: Mapping[str, Any] = error.response.get("Error", {})
    code, said = str(answer.get("Code", "Unknown")), str(answer.get("Message") or "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code = s3.BARE_STATUS.get(code, code)
    if code == "SignatureDoesNotMatch" and _SKEW_SAID.search(said):
        code = "RequestTimeTooSkewed"
    if error.operation_name == ASSUME_ROLE and code in _DENIED:
        return RoleRefusedError(
            f"{doing}: the role cannot be assumed",
            code,
            status,
            hint="the role does not exist, its trust policy does not name this credential, or the credential may not "
            "call sts:AssumeRole: correct `role:` of platform.yaml, or the one of the profile, or these",
        )
    missing = _ACTION.search(said) if code in _DENIED else None
    detail = f"{missing[1]} is not allowed" if missing else said
    return error_of(doing, code, status, detail, classes=CLASSES, hints=HINTS)


def _no_credential(doing: str, error: BotoCoreError) -> CredentialError:
    """Return the error for a missing or unusable credential; the library's text may quote what it read."""
    if isinstance(error, NoCredentialsError):
        return CredentialError(
            f"{doing}: there is no credential for AWS",
            "Name one in `credential:` of platform.yaml, or log in with AWS's own tools (`aws configure`, "
            "`aws sso login`).",
        )
    if isinstance(error, SSOError | TokenRetrievalError | NoAuthTokenError):
        return CredentialError(
            f"{doing}: the session of AWS's single sign-on has expired, or there is none",
            "Run `aws sso login`, then the same command again.",
        )
    return CredentialError(f"{doing}: the credential for AWS cannot be used ({type(error).__name__})", _LOOK)
