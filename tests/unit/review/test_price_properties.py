"""What holds for every price: the sum, the order of quotas, the days, and no decimal context that changes a cent."""

import calendar
import decimal
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from math import floor

from hypothesis import assume, given
from hypothesis import strategies as st

from coffre.review.price import (
    MonthlyPrice,
    NoPrice,
    Period,
    Sold,
    find_list,
    price_between,
    price_month,
    price_periods,
)
from coffre.spec.machine import MachineKind
from coffre.spec.prices import PriceList, Prices, VolumeBasis, VolumePart, VolumeStep
from coffre.spec.tenant import Option, Tenant
from tests.builders import tenant_with
from tests.unit.spec.profiles import searching

CENT = Decimal("0.01")
LAST = date(2030, 12, 31)
AMOUNTS = st.integers(0, 999_999_999).map(lambda cents: Decimal(f"{cents // 100}.{cents % 100:02}"))
SIZES = st.integers(1, 1 << 60)
DAYS = st.dates(date(2026, 1, 1), LAST)
FIRST_DAY = date(2000, 1, 1)


@st.composite
def price_lists(draw: st.DrawFn, since: date) -> PriceList:
    """Draw a list as `coffre check` lets it pass: steps and their prices ascend, every option has a price."""
    sizes = sorted(draw(st.sets(SIZES, min_size=1, max_size=4)))
    months = sorted(draw(st.lists(AMOUNTS, min_size=len(sizes), max_size=len(sizes))))
    return PriceList(
        since=since,
        machines_eur={kind: draw(AMOUNTS) for kind in MachineKind},
        volume=[VolumeStep(up_to_bytes=size, month_eur=month) for size, month in zip(sizes, months, strict=True)],
        volume_beyond=VolumePart(each_bytes=draw(SIZES), month_eur=draw(AMOUNTS)),
        options_eur={option: draw(AMOUNTS) for option in Option},
        second_copy=VolumePart(each_bytes=draw(SIZES), month_eur=draw(AMOUNTS)),
    )


@st.composite
def all_prices(draw: st.DrawFn, lists: int = 3) -> Prices:
    """Draw prices for every day, some of whose lists begin within months."""
    starts = [FIRST_DAY, *sorted(draw(st.sets(DAYS, max_size=lists - 1)))]
    return Prices(volume=draw(st.sampled_from(VolumeBasis)), lists=[draw(price_lists(start)) for start in starts])


TENANTS = st.builds(
    lambda quota, workstation, server, options, copy: tenant_with(
        storage={"platform": "lab", "quota": quota, **copy},
        licences={"workstation": workstation, "server": server},
        options=sorted(options),
    ),
    SIZES,
    st.integers(0, 100_000),
    st.integers(0, 100_000),
    st.sets(st.sampled_from(Option)),
    st.sampled_from([{}, {"copy": {"platform": "far"}}]),
)
SOLD = st.builds(Sold, TENANTS, all_prices(), st.integers(0, 1 << 60))
ONE_LIST = st.builds(Sold, TENANTS, all_prices(lists=1), st.integers(0, 1 << 60))


def priced(price: MonthlyPrice | NoPrice) -> MonthlyPrice:
    assert isinstance(price, MonthlyPrice), price
    return price


def month_of(day: date) -> tuple[date, date]:
    return day.replace(day=1), day.replace(day=calendar.monthrange(day.year, day.month)[1])


def check_sum(price: MonthlyPrice) -> None:
    assert price.total_eur == sum((line.amount_eur for line in price.lines), Decimal(0))
    for line in price.lines:
        assert 1 <= line.days <= line.month_days
        assert line.amount_eur.as_tuple().exponent == -2
        exact = Fraction(line.unit_eur) * line.quantity * line.days / line.month_days
        assert Fraction(line.amount_eur) == floor(exact * 100 + Fraction(1, 2)) / Fraction(100)


@searching()
@given(SOLD, SOLD, DAYS, DAYS)
def test_the_total_is_the_sum_of_its_rounded_lines(before: Sold, after: Sold, change_on: date, month: date) -> None:
    check_sum(priced(price_between(before, after, change_on, month)))
    check_sum(priced(price_month(before.tenant, before.prices, month, before.stored_bytes)))


@searching()
@given(ONE_LIST, SIZES, DAYS)
def test_a_larger_volume_never_costs_less_within_a_list(sold: Sold, other: int, day: date) -> None:
    def cost(volume: int) -> Decimal:
        storage = sold.tenant.storage.model_copy(update={"quota_bytes": volume})
        tenant = sold.tenant.model_copy(update={"storage": storage})
        return priced(price_month(tenant, sold.prices, day, stored_bytes=volume)).total_eur

    smaller, larger = sorted((sold.tenant.storage.quota_bytes, other))
    assert cost(smaller) <= cost(larger)


@searching()
@given(ONE_LIST, DAYS, DAYS)
def test_no_change_costs_the_whole_month(sold: Sold, change_on: date, month: date) -> None:
    whole = price_month(sold.tenant, sold.prices, month, sold.stored_bytes)
    assert price_between(sold, sold, change_on, month) == whole


@searching()
@given(SOLD, SOLD, DAYS)
def test_a_change_on_the_first_day_is_the_new_state_alone(before: Sold, after: Sold, month: date) -> None:
    first, last = month_of(month)
    assert price_between(before, after, first, month) == price_between(after, after, first, month)
    assert price_between(before, after, last + timedelta(days=1), month) == price_between(before, before, first, month)


@searching()
@given(SOLD, DAYS, st.sets(st.integers(2, 31)))
def test_the_parts_of_a_month_are_the_month_within_a_cent_a_line(sold: Sold, month: date, cuts: set[int]) -> None:
    first, last = month_of(month)
    starts = [first, *(first.replace(day=day) for day in sorted(cuts) if day <= last.day)]
    ends = [start - timedelta(days=1) for start in starts[1:]] + [last]
    parts = [priced(price_periods([Period(start, end, sold)])) for start, end in zip(starts, ends, strict=True)]
    whole = priced(price_periods([Period(first, last, sold)]))
    lines = sum(len(part.lines) for part in parts)
    assert abs(sum((part.total_eur for part in parts), Decimal(0)) - whole.total_eur) <= CENT * lines
    assert sum(line.days for part in parts for line in part.lines) == sum(line.days for line in whole.lines)
    # Cut and put together again in one price, they are the month itself: nothing is rounded twice.
    periods = [Period(start, end, sold) for start, end in zip(starts, ends, strict=True)]
    assert price_periods(periods) == whole


@searching()
@given(SOLD, DAYS)
def test_every_line_is_that_of_a_list_of_its_days(sold: Sold, month: date) -> None:
    first, last = month_of(month)
    price = priced(price_between(sold, sold, first, month))
    assert sold.prices is not None
    days = [first + timedelta(days=day) for day in range(last.day)]
    in_force = [entry.since for day in days if (entry := find_list(sold.prices, day))]
    assert {line.since for line in price.lines} == set(in_force)
    assert all(line.days == in_force.count(line.since) for line in price.lines)


@searching()
@given(SOLD, SOLD, DAYS, DAYS)
def test_no_decimal_context_changes_a_cent(before: Sold, after: Sold, change_on: date, month: date) -> None:
    plain = price_between(before, after, change_on, month)
    hostile = decimal.Context(prec=2, rounding=decimal.ROUND_DOWN, traps=[decimal.Inexact, decimal.Rounded])
    with decimal.localcontext(hostile):
        inside = price_between(before, after, change_on, month)
    assert inside == plain


@searching()
@given(TENANTS, all_prices(lists=1), DAYS, st.sampled_from(Option))
def test_an_option_without_price_is_never_free(tenant: Tenant, prices: Prices, day: date, option: Option) -> None:
    assume(option in tenant.options)
    entry = prices.lists[0]
    without = {each: price for each, price in entry.options_eur.items() if each is not option}
    lacking = prices.model_copy(update={"lists": [entry.model_copy(update={"options_eur": without})]})
    price = price_month(tenant, lacking, day, stored_bytes=1)
    assert isinstance(price, NoPrice)
    assert [reason.option for reason in price.reasons] == [option]
