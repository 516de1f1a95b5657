"""The canonical text of a link's content, the same on every database and for ever. Pure.

Form 1 is JSON without spaces, keys in the order of their code points, ASCII only, times in UTC to the microsecond.
Databases return numbers in different ways (`1e2`, `100.0`, `100`), so a number is written as a plain decimal.
"""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal

FORM = 1
"""The version of the text. Another form gets another number, and older links keep theirs."""


def write_canonical(value: object) -> str:
    """Return the canonical text of a JSON value, a time or a day."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, str):
        return json.dumps(str(value))
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return _plain_decimal(value)
    if isinstance(value, datetime):
        return json.dumps(value.astimezone(UTC).isoformat(timespec="microseconds"))
    if isinstance(value, date):
        return json.dumps(value.isoformat())
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(key)}:{write_canonical(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(write_canonical(each) for each in value) + "]"
    raise TypeError(f"{type(value).__name__} has no canonical form")


def _plain_decimal(value: float) -> str:
    number = Decimal(repr(value))
    if number == number.to_integral_value():
        return str(int(number))
    return format(number, "f").rstrip("0")
