"""What the vendor's refusals mean: one typed error for each reaction, from every documented shape of an answer.

Whatever the vendor wrote is input: it is bounded, escaped, and without the secrets that Coffre sent. Pure.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from coffre.acronis.unverified.account import STALE_VERSION
from coffre.errors import RemoteError
from coffre.outside.structured import UnreadableJsonError, read_json
from coffre.outside.text import one_line

_CODE_CHARACTERS = 100
_MESSAGE_CHARACTERS = 300
_REFUSAL_BYTES = 1024**2
_TAGS = re.compile(r"<[^<>]{0,1000}>")
_MAX_RETRY_AFTER_SECONDS = 24 * 3600


class AcronisError(RemoteError):
    """The vendor did not do it. ``code`` and ``domain`` are the vendor's own words, "" where it gave none."""

    def __init__(
        self, message: str, hint: str = "", *, status: int | None = None, code: str = "", domain: str = ""
    ) -> None:
        super().__init__(message, hint)
        self.status = status
        self.code = code
        self.domain = domain


class AcronisAwayError(AcronisError):
    """The service gave no answer, or cannot serve now. The same command may succeed later."""


class AcronisBusyError(AcronisAwayError):
    """The service asks to wait (429) for longer than Coffre waits."""


class OutcomeUnknownError(AcronisAwayError):
    """The answer to a call that creates something was lost: it may have been carried out. It was not sent again."""


class AbsurdAnswerError(AcronisError):
    """The answer is not one of this API: too large, without end, not JSON, or without the fields it has to have."""


class CredentialRefusedError(AcronisError):
    """The API client, or its token, is not accepted (401)."""


class RightRefusedError(AcronisError):
    """The API client may not do this (403)."""


class GoneError(AcronisError):
    """There is no such thing, or the API client may not see it (404)."""


class ConflictError(AcronisError):
    """Something else changed it in between, or it exists already (409)."""


class AmbiguousError(AcronisError):
    """Two things answer to what may be the name of one only: people have to decide."""


@dataclass(frozen=True)
class Refusal:
    """What an answer says in its own words: bounded and escaped."""

    code: str = ""
    domain: str = ""
    message: str = ""


_CLASSES: dict[int, type[AcronisError]] = {
    HTTPStatus.UNAUTHORIZED: CredentialRefusedError,
    HTTPStatus.FORBIDDEN: RightRefusedError,
    HTTPStatus.NOT_FOUND: GoneError,
    STALE_VERSION.value: ConflictError,
    HTTPStatus.CONFLICT: ConflictError,
    HTTPStatus.TOO_MANY_REQUESTS: AcronisBusyError,
    **dict.fromkeys((500, 502, 503, 504), AcronisAwayError),
}
_HINTS: dict[type[AcronisError], str] = {
    CredentialRefusedError: "Check in the vendor's portal that the API client is enabled, and that its secret is the "
    "one that Coffre has.",
    RightRefusedError: "Check in the vendor's portal which tenant and role the API client has: it acts there and "
    "below only.",
    GoneError: "Check in the vendor's portal that it is there, below the tenant of the API client.",
    ConflictError: "Somebody else changes it at the same time, or it is in use: read what Acronis says, then run the "
    "same command again.",
    AcronisBusyError: "The vendor limits how often it is called: run the same command again later.",
    AcronisAwayError: "The vendor's service cannot serve now: run the same command again later.",
}
_DEFAULT_HINT = "If it goes on, give this line to the vendor's support."


def error_of(doing: str, status: int, body: bytes, conceal: Callable[[str], str] = str) -> AcronisError:
    """Return the error of an answer whose status says no. ``conceal`` takes secrets out of a text."""
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return AcronisError(
            f"{doing}: the data center answers from another address (HTTP {status})",
            "Write the exact address of the data center: a branded or general one leads elsewhere.",
            status=status,
        )
    kind = _CLASSES.get(status, AcronisError)
    refusal = read_refusal(body, conceal)
    said = ": ".join(each for each in (refusal.code, refusal.message) if each) or "nothing more"
    return kind(
        f"{doing}: Acronis says {said} (HTTP {status})",
        _HINTS.get(kind, _DEFAULT_HINT),
        status=status,
        code=refusal.code,
        domain=refusal.domain,
    )


def read_refusal(body: bytes, conceal: Callable[[str], str] = str) -> Refusal:
    """Return what the body of a refusal says, in any of the vendor's shapes; pages of HTML become their text."""
    try:
        value = read_json(body, _REFUSAL_BYTES, keys_once=False)
    except UnreadableJsonError:
        text = body[: 16 * 1024].decode("utf-8", "replace")
        return Refusal(message=_line(conceal(_TAGS.sub(" ", text)), _MESSAGE_CHARACTERS))
    code, domain, message = _find_words(value)
    return Refusal(
        _line(conceal(code), _CODE_CHARACTERS),
        _line(conceal(domain), _CODE_CHARACTERS),
        _line(conceal(message), _MESSAGE_CHARACTERS),
    )


def _find_words(value: Any) -> tuple[str, str, str]:
    """Return code, domain and message of the three documented shapes: of accounts, tokens, and agents."""
    if not isinstance(value, dict):
        return "", "", ""
    error = value.get("error")
    if isinstance(error, dict):
        details = error.get("details")
        info = details.get("info") if isinstance(details, dict) else None
        said = [_word(each) for each in (error.get("message"), info) if _word(each)]
        return _word(error.get("code")), _word(error.get("domain")), ": ".join(dict.fromkeys(said))
    if isinstance(error, str):
        return error, "", _word(value.get("error_description"))
    debug = value.get("debug")
    message = debug.get("msg") if isinstance(debug, dict) else value.get("message")
    return _word(value.get("code")), _word(value.get("domain")), _word(message)


def _word(value: Any) -> str:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _line(text: str, limit: int) -> str:
    return one_line(text[: 4 * limit], limit)


def read_retry_after(headers: Mapping[str, str]) -> float | None:
    """Return how many seconds the service asks to wait; None when it does not say so in seconds."""
    value = headers.get("Retry-After", "").strip()
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        return None
    return min(float(value), _MAX_RETRY_AFTER_SECONDS)
