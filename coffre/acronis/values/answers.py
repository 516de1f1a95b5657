"""What all answers share: they are input. Texts are cut and escaped, words that nobody knows are unknown. Pure."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from coffre.outside.text import one_line

LINE_CHARACTERS = 500
LARGEST_COUNT = 2**63 - 1


class Answered(BaseModel):
    """A part of an answer. Fields that nobody reads are allowed."""

    model_config = ConfigDict(frozen=True, extra="ignore")


def _line(value: Any) -> Any:
    """Return a text as one bounded line. It is cut, not refused: no name of a customer stops a list."""
    if value is None:
        return ""
    return one_line(value, LINE_CHARACTERS) if isinstance(value, str) else value


Line = Annotated[str, BeforeValidator(_line)]
"""A text as one line of at most 500 characters, "" for none."""
OptionalLine = Annotated[str | None, BeforeValidator(lambda value: None if value is None else _line(value))]
"""The same, None for none."""


class Word(StrEnum):
    """Words of the vendor. Each kind has an UNKNOWN for those that nobody knows yet; it is never sent."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        return cls("unknown") if value != "unknown" else None

    def sent(self) -> str:
        """Return the word for a call; ValueError for the unknown one."""
        if self.value == "unknown":
            raise ValueError(f"an unknown {type(self).__name__} cannot be sent")
        return self.value


def _no_flag(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("not a number")  # noqa: TRY004 - pydantic takes a ValueError
    return value


Count = Annotated[int, BeforeValidator(_no_flag), Field(ge=0, le=LARGEST_COUNT)]
"""A number of things, bytes or seconds."""
Version = Annotated[int, BeforeValidator(_no_flag), Field(ge=0, le=2**64 - 1)]
"""The version of something: a write has to name it."""


def read_moment(value: Any) -> Any:
    """Return a time of the vendor in UTC: ISO 8601, also without a zone, RFC 1123 text, or nanoseconds since 1970."""
    if value is None or value == "" or isinstance(value, datetime):
        return value or None
    if isinstance(value, bool):
        raise ValueError("not a time")  # noqa: TRY004
    try:
        moment = _of_number(int(value)) if _is_number(value) else _of_text(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (TypeError, ValueError, OverflowError, OSError, IndexError):
        raise ValueError("not a time") from None


def _is_number(value: Any) -> bool:
    return isinstance(value, int) or (
        isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 21
    )


def _of_number(number: int) -> datetime:
    """Return the time of a number of seconds, or of nanoseconds: as seconds, those would be beyond the year 30000."""
    return datetime.fromtimestamp(number if number < 10**12 else number / 10**9, UTC)


def _of_text(text: Any) -> datetime:
    if not isinstance(text, str) or len(text) > 100:
        raise ValueError("not a time")
    try:
        return datetime.fromisoformat(_shortened(text))
    except ValueError:
        return parsedate_to_datetime(text)


def _shortened(text: str) -> str:
    """Return an ISO time with at most 6 digits of a second: the vendor writes 9."""
    head, point, rest = text.partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    return f"{head}{point}{digits[:6]}{rest[len(digits) :]}" if point else text


Moment = Annotated[datetime, BeforeValidator(read_moment)]
OptionalMoment = Annotated[datetime | None, BeforeValidator(read_moment)]
