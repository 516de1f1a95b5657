"""Reads amounts of money: exact decimals in EUR, never binary fractions, which have no exact cent."""

import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, ValidationInfo, WithJsonSchema

from coffre.spec.values.fields import VALUE, refuse

CURRENCY = "EUR"
EXAMPLE = 'write it in quotes, like "14.90"'
_PATTERN = r"(0|[1-9][0-9]{0,6})(\.[0-9]{1,2})?"
_DECIMAL_COMMA = re.compile(r"([0-9]{1,7}),([0-9]{1,2})")
_SPACES = re.compile(r"[ \u00a0\u202f]")


class AmountError(ValueError):
    """A text is not an amount; ``problem`` completes a sentence about the text, ``hint`` says what to write."""

    def __init__(self, problem: str, hint: str) -> None:
        super().__init__(f"{problem}; {hint}")
        self.problem = problem
        self.hint = hint


def parse_amount(text: str) -> Decimal:
    """Return the EUR of ``text``, like ``14.90``: at least 0, with at most two decimals. AmountError otherwise."""
    if re.fullmatch(_PATTERN, text):
        return Decimal(text)
    raise _explain(text)


def _explain(text: str) -> AmountError:
    comma = _DECIMAL_COMMA.fullmatch(text)
    if comma:
        return AmountError("has a decimal comma", f'write it with a point: "{comma[1]}.{comma[2]}"')
    if re.fullmatch(rf"-{_PATTERN}", text):
        return AmountError("is less than 0", "a price is 0 or more")
    if re.fullmatch(r"[0-9]{1,7}\.[0-9]{3,20}", text):
        return AmountError("has more than two decimals", f"the cent is the smallest part; {EXAMPLE}")
    if re.search(r"€|EUR|euro", text, re.IGNORECASE):
        return AmountError("has a currency", f"every amount is EUR, so {EXAMPLE}")
    if re.fullmatch(r"[1-9][0-9]{7,20}(\.[0-9]{1,2})?", text):
        return AmountError("is too large", "9999999.99 is the maximum")
    bare = _SPACES.sub("", text)
    if bare != text and re.fullmatch(_PATTERN, bare):
        return AmountError("has spaces", f'write "{bare}"')
    return AmountError("is not an amount", EXAMPLE)


def _parse(value: Any, info: ValidationInfo) -> Any:
    # Code that builds a model gives decimals; in a file (the loader's context) an amount is text.
    if info.context is None and isinstance(value, Decimal):
        value = f"{value:f}"
    if isinstance(value, int | float) and not isinstance(value, bool):
        refuse(f"YAML reads {VALUE} as a number, which may have no exact cent", f"write it in quotes: {VALUE}")
    if not isinstance(value, str):
        refuse(f"{VALUE} is not an amount", EXAMPLE)
    try:
        return parse_amount(value)
    except AmountError as error:
        refuse(f"{VALUE} {error.problem}", error.hint)


Amount = Annotated[
    Decimal,
    BeforeValidator(_parse),
    WithJsonSchema({"type": "string", "pattern": f"^{_PATTERN}$", "description": 'EUR in quotes, like "14.90"'}),
]
"""EUR, at least 0, with at most two decimals; in a file always text."""
