"""The refusals of RGW's Admin Ops API: one class per error code, besides those of S3."""

from coffre.storage.s3 import faults
from coffre.storage.s3.faults import GoneError, S3Error

_INTERNAL_ERROR = 500


class NoSuchUserError(GoneError): ...


class UserAlreadyExistsError(S3Error): ...


class KeyExistsError(S3Error):
    """The access key id is in use, possibly by another user."""


class ConcurrentWriteError(S3Error):
    """Two writes on one user collided; nothing was written and the same call may succeed (measured on 16.2.15)."""


_CLASSES = {
    **faults.CLASSES,
    "NoSuchUser": NoSuchUserError,
    "UserAlreadyExists": UserAlreadyExistsError,
    "UserExists": UserAlreadyExistsError,
    "KeyExists": KeyExistsError,
    "ConcurrentModification": ConcurrentWriteError,
    "UnknownError": ConcurrentWriteError,
}

_AGAIN = "another write on this user was in progress; run the same command again"
_HINTS = {
    **faults.HINTS,
    "AccessDenied": "the key has no right to do this; for the administrator's key, check its capabilities "
    "(users=*;buckets=*;metadata=*)",
    "UnknownError": _AGAIN,
    "ConcurrentModification": _AGAIN,
}


def error_of(doing: str, code: str, status: int, detail: str = "") -> S3Error:
    """Return the typed error for a code of the Admin Ops API, as `coffre.storage.s3.faults.error_of` does for S3."""
    if code == "UnknownError" and status != _INTERNAL_ERROR:
        return S3Error(doing, code, status, detail)
    return faults.error_of(doing, code, status, detail, classes=_CLASSES, hints=_HINTS)
