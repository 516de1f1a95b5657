"""Checks single values of the two files, with messages for the user. No rule over several fields is here."""

import datetime
import re
from collections.abc import Callable
from typing import Annotated, Any, NoReturn

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StrictBool,
    StrictInt,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from coffre.spec import naming
from coffre.spec.problems.quoting import on_one_line
from coffre.spec.values.rates import EXAMPLE as RATE_EXAMPLE
from coffre.spec.values.rates import PATTERN as RATE_PATTERN
from coffre.spec.values.rates import parse_rate
from coffre.spec.values.sizes import SizeError, parse_size
from coffre.spec.values.timezones import is_timezone, suggest_timezone

# The one type of pydantic error that already has our message; messages.py words the rest.
OURS = "coffre"
VALUE = "{value}"


def refuse(message: str, hint: str = "") -> NoReturn:
    """Refuse the value being validated. ``{value}`` in the message becomes the user's own text, quoted."""
    raise PydanticCustomError(OURS, "{message}; {hint}", {"message": message, "hint": hint})


class FileModel(BaseModel):
    """A block of keys in one of the two files: frozen, and strict about its keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True)


def _expect_text(value: Any) -> str:
    if isinstance(value, bool | int | float):
        refuse(f"YAML does not read {VALUE} as text", f"write it in quotes: {VALUE}")
    if not isinstance(value, str):
        refuse(f"{VALUE} is here instead of text")
    if not value.isprintable():
        refuse(f"{VALUE} has a line break or an invisible character", "write one plain line")
    return value


def _check_label(text: str) -> str:
    if not text.strip():
        refuse(f"{VALUE} is blank", "write a value, or remove the key if it is optional")
    if text != text.strip():
        refuse(f"{VALUE} begins or ends with a space", "remove it")
    if len(text) > 200:
        refuse(f"{VALUE} is {len(text)} characters long", "200 is the limit")
    return text


def matching(pattern: str, message: str, hint: str, *, quoted: bool = True) -> Callable[[str], str]:
    """Return a check that the whole text matches a pattern; ``quoted`` is False where the text may be a secret."""
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        if not compiled.fullmatch(text):
            refuse(f"{VALUE} {message}" if quoted else message, hint)
        return text

    return check


def _parse_date(value: Any) -> Any:
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return value
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        french = re.fullmatch(r"([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4})", str(value))
        meant = f"{french[3]}-{int(french[2]):02}-{int(french[1]):02}" if french else "2026-12-31"
        refuse(f"{VALUE} is not a date", f"write year-month-day, like {meant}")
    try:
        day = datetime.date.fromisoformat(value)
    except ValueError:
        refuse(f"{VALUE} is a day that does not exist", "write year-month-day, like 2026-12-31")
    if not 2000 <= day.year <= 2199:
        refuse(f"{VALUE} is not in this century or the next", "write year-month-day, like 2026-12-31")
    return day


def _parse_size(value: Any, info: ValidationInfo) -> Any:
    # Code that builds a model gives bytes; in a file (the loader's context) a number without unit is refused.
    if info.context is None and isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        refuse(f"{VALUE} is not a size", "write it like 200 GiB (binary) or 200 Go (decimal)")
    try:
        count = parse_size(str(value))
    except SizeError as error:
        refuse(f"{VALUE} {error.problem}", error.hint)
    if count == 0:
        refuse(f"{VALUE} is no space at all", "write it like 200 GiB (binary) or 200 Go (decimal)")
    if count > 1 << 60:
        refuse(f"{VALUE} is too large for any platform", "1024 PiB is the limit")
    return count


def _parse_rate(value: Any, info: ValidationInfo) -> Any:
    # As for a size: only code gives plain bits a second.
    if info.context is None and isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        refuse(f"{VALUE} is not the rate of a line", RATE_EXAMPLE)
    try:
        return parse_rate(str(value))
    except SizeError as error:
        refuse(f"{VALUE} {error.problem}", error.hint)


def is_luhn_valid(digits: str) -> bool:
    """Tell whether the last of ``digits`` is the check digit that the Luhn formula gives."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (1 + place % 2)
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0


def _check_siren(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        refuse(f"YAML reads {VALUE} as a number, without leading zeros", f'write it in quotes: "{value:09}"')
    digits = re.sub(r"[ \u00a0\u202f.]", "", _expect_text(value))
    if not re.fullmatch(r"[0-9]{9}", digits):
        hint = "the first 9 digits of a SIRET are the SIREN" if re.fullmatch(r"[0-9]{14}", digits) else ""
        refuse(f"{VALUE} is not a SIREN", hint or 'write its 9 digits in quotes, like "732829320"')
    if digits != value:
        refuse(f"{VALUE} has separators", f'write "{digits}"')
    if digits == "000000000" or not is_luhn_valid(digits):
        refuse(f"{VALUE} is not a SIREN: its check digit is wrong", "compare it with the order form, digit by digit")
    return digits


def _check_timezone(text: str) -> str:
    if not is_timezone(text):
        nearest = suggest_timezone(text)
        hint = f"did you mean {nearest}?" if nearest else "write an IANA name, like Europe/Paris"
        refuse(f"{VALUE} is not a time zone", hint)
    return text


def _check_name(text: str) -> str:
    if not re.fullmatch(naming.NAME_PATTERN, text):
        refuse(name_problem(text), NAME_RULE)
    return text


def _check_version(version: int) -> int:
    if version != 1:
        refuse(f"{VALUE} is a version that this Coffre does not know", "write 1, or use the Coffre version of the file")
    return version


NAME_RULE = "use 3 to 40 of a-z, 0-9 and -, beginning and ending with a letter or a digit"


def name_problem(text: str) -> str:
    """Describe what is wrong with a slug or machine name, with the most useful reason first."""
    if not 3 <= len(text) <= 40:
        return f'"{on_one_line(text)}" has {len(text)} characters'
    return f'"{text}" is not allowed as a name'


def text_schema(description: str, **more: Any) -> WithJsonSchema:
    """Return what the JSON Schema says about a text."""
    return WithJsonSchema({"type": "string", "description": description, **more})


Count = StrictInt
Flag = StrictBool
Version = Annotated[StrictInt, AfterValidator(_check_version), WithJsonSchema({"type": "integer", "const": 1})]
Text = Annotated[str, BeforeValidator(_expect_text)]
Label = Annotated[
    Text, AfterValidator(_check_label), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 200})
]
Day = Annotated[
    datetime.date,
    BeforeValidator(_parse_date),
    WithJsonSchema({"type": "string", "format": "date", "pattern": r"^\d{4}-\d{2}-\d{2}$"}),
]
SIZE_SCHEMA_PATTERN = r"^\d[\d ,.]* ?([KMGTP]iB|[kMGTP]o)$"
Size = Annotated[int, BeforeValidator(_parse_size), WithJsonSchema({"type": "string", "pattern": SIZE_SCHEMA_PATTERN})]
Rate = Annotated[int, BeforeValidator(_parse_rate), WithJsonSchema({"type": "string", "pattern": RATE_PATTERN})]
Siren = Annotated[str, BeforeValidator(_check_siren), WithJsonSchema({"type": "string", "pattern": "^[0-9]{9}$"})]
Timezone = Annotated[Text, AfterValidator(_check_timezone), text_schema("IANA time zone, like Europe/Paris")]
Name = Annotated[Text, AfterValidator(_check_name), text_schema(NAME_RULE, pattern=f"^{naming.NAME_PATTERN}$")]
TenantId = Annotated[
    Text,
    AfterValidator(
        matching(
            naming.ID_PATTERN, "is not an id", "`coffre new` generates one: a letter from g to z, then 9 of a-z and 0-9"
        )
    ),
    text_schema("Generated once by `coffre new`, never changed, never reused", pattern=f"^{naming.ID_PATTERN}$"),
]
Email = Annotated[
    Text,
    AfterValidator(
        matching(
            r"[A-Za-z0-9._%+'-]{1,64}@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]{0,61}[A-Za-z0-9]",
            "is not an e-mail address",
            "write one address, like claire@martin.example",
        )
    ),
    WithJsonSchema({"type": "string", "format": "email"}),
]
_PHONE = r"(\+[1-9]|0)([ .-]?\(?[0-9]\)?){6,14}"
Phone = Annotated[
    Text,
    AfterValidator(matching(_PHONE, "is not a phone number", 'write it in quotes, like "+33 4 76 00 00 00"')),
    WithJsonSchema({"type": "string", "pattern": f"^{_PHONE}$"}),
]
# Host and user names go into ssh's command line: a leading - is refused.
Host = Annotated[
    Text,
    AfterValidator(
        matching(
            r"(?=.{1,253}\Z)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*\.?"
            r"|[0-9A-Fa-f]{0,4}(:[0-9A-Fa-f]{0,4}){2,7}",
            "is not a host name or an address",
            "write it without user and port, like compta-01.martin.example",
        )
    ),
    text_schema("Host name or IP address, without user and port"),
]
CredentialName = Annotated[
    Text,
    AfterValidator(
        matching(
            r"[a-z0-9][a-z0-9_-]{0,39}",
            "this is not the name of a secret",
            "write the name of an entry of the tenant's secret bundle (a-z, 0-9, - and _), never the secret itself",
            quoted=False,
        )
    ),
    text_schema("Name of an entry of the tenant's secret bundle, never the secret itself"),
]
