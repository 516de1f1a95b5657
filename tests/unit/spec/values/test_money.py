"""Amounts: exact decimals in EUR from text, and nothing else."""

import decimal
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from coffre.spec.values.money import Amount, AmountError, parse_amount
from tests.unit.spec.profiles import searching

AMOUNT: TypeAdapter[Decimal] = TypeAdapter(Amount)
NO_AMOUNTS = ["", " ", "free", "NaN", "Infinity", "1e3", "04.90", "4.", ".90", "+4.90", "1,200.00", "٤", "4_0"]


@pytest.mark.parametrize(
    ("text", "cents"), [("4.90", 490), ("4.9", 490), ("4", 400), ("0", 0), ("0.05", 5), ("9999999.99", 999_999_999)]
)
def test_an_amount_is_read_to_the_cent(text: str, cents: int) -> None:
    assert parse_amount(text) == Decimal(cents) / 100


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("4,90", 'has a decimal comma; write it with a point: "4.90"'),
        ("-4.90", "is less than 0; a price is 0 or more"),
        ("4.900", 'has more than two decimals; the cent is the smallest part; write it in quotes, like "14.90"'),
        ("1 200.00", 'has spaces; write "1200.00"'),
        ("1\u202f200", 'has spaces; write "1200"'),
        ("4.90 EUR", 'has a currency; every amount is EUR, so write it in quotes, like "14.90"'),
        ("10000000", "is too large; 9999999.99 is the maximum"),
        *((text, 'is not an amount; write it in quotes, like "14.90"') for text in NO_AMOUNTS),
    ],
)
def test_anything_else_is_refused_with_what_to_write(text: str, said: str) -> None:
    with pytest.raises(AmountError) as refused:
        parse_amount(text)
    assert str(refused.value) == said


@pytest.mark.parametrize("value", [4.9, 4, 0, True, None, Decimal("4.90"), ["4.90"]])
def test_in_a_file_only_text_is_an_amount(value: Any) -> None:
    with pytest.raises(ValidationError):
        AMOUNT.validate_python(value, context={"file": True})


@pytest.mark.parametrize("value", [4.9, Decimal("4.905"), Decimal("-1"), Decimal("NaN"), Decimal("Infinity")])
def test_code_gives_no_amount_that_a_file_could_not(value: Any) -> None:
    with pytest.raises(ValidationError):
        AMOUNT.validate_python(value)
    assert AMOUNT.validate_python(Decimal("4.9")) == Decimal("4.90")
    assert AMOUNT.validate_python(Decimal("1E+2")) == 100


@searching(2)
@given(st.integers(0, 999_999_999))
def test_an_amount_is_its_digits_in_any_decimal_context(cents: int) -> None:
    with decimal.localcontext(decimal.Context(prec=2, traps=[decimal.Inexact, decimal.Rounded])):
        amount = parse_amount(f"{cents // 100}.{cents % 100:02}")
    assert amount * 100 == cents


@searching(2)
@given(st.text(max_size=20) | st.from_regex(r"[-+]?[0-9., ]{0,15}[€e]?[0-9]?", fullmatch=True))
@example("9" * 5000)
def test_any_text_is_an_amount_or_refused_with_a_word(text: str) -> None:
    try:
        amount = parse_amount(text)
    except AmountError as refused:
        assert str(refused) == f"{refused.problem}; {refused.hint}"  # noqa: PT017 - taken or refused, both are right
    else:
        assert 0 <= amount < 10_000_000
        assert amount == round(amount, 2)
