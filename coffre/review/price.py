"""The price of what a tenant file sells: a month at a price list, and a month in which it changes. Pure.

Amounts are EUR. They are counted in whole cents, so that no decimal context and no binary fraction can change one.
"""

import calendar
import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

from coffre.review.sold import Item, Lack, Lacking, LineKind, NoPrice, Sold, Subject, find_list, list_items
from coffre.spec.machine import MachineKind
from coffre.spec.prices import Prices
from coffre.spec.tenant import Option, Tenant

__all__ = [
    "Lack",
    "Lacking",
    "LineKind",
    "MonthlyPrice",
    "NoPrice",
    "Period",
    "PriceLine",
    "Sold",
    "find_list",
    "price_between",
    "price_month",
    "price_periods",
]

_DAY = timedelta(days=1)
_KINDS = list(LineKind)
_SUBJECTS: list[Subject] = [*MachineKind, *Option]


@dataclass(frozen=True)
class PriceLine:
    """One line of a price: ``quantity`` times ``unit_eur`` a month, for ``days`` of the ``month_days`` of the month.

    ``since`` is the first day of the price list that it comes from.
    """

    kind: LineKind
    subject: Subject
    quantity: int
    unit_eur: Decimal
    since: date
    days: int
    month_days: int
    amount_eur: Decimal


@dataclass(frozen=True)
class MonthlyPrice:
    """The price of one month; ``total_eur`` is the sum of the lines' amounts, which are whole cents."""

    lines: tuple[PriceLine, ...]
    total_eur: Decimal


@dataclass(frozen=True)
class Period:
    """The days from ``first`` to ``last``, both included, in which the same is sold; None: nothing."""

    first: date
    last: date
    sold: Sold | None


def price_month(
    tenant: Tenant, prices: Prices | None, day: date, stored_bytes: int | None = None
) -> MonthlyPrice | NoPrice:
    """Return the price of a whole month of what a tenant file sells, at the price list of ``day``.

    - Machines: the licences by kind, not the machines that are installed. The contract sells licences (article 1a) and
      prices "the number of machines" (article 10): the ordered ones. A licence that no machine uses is still reserved
      and bought, and an installation must not change a price without an amendment (article 9).
    - Volume: the quota where the prices are for the reserved volume; ``stored_bytes`` where they are for the stored
      one. The smallest step that holds it counts once; beyond the last step, that step and each begun part.
    - Second copy: each begun part of the same volume, which is there a second time.
    - Options: each one of the file. One without price is not sold yet, so there is no price at all.
    - A suspended or leaving tenant has the same price: its data is kept. A closed one has no line and costs nothing.
    """
    month_days = _month_days(day)
    items = list_items(Sold(tenant, prices, stored_bytes), day)
    return items if isinstance(items, NoPrice) else _add_up(dict.fromkeys(items, month_days), month_days)


def price_between(before: Sold | None, after: Sold | None, change_on: date, month: date) -> MonthlyPrice | NoPrice:
    """Return the price of the month of the day ``month``, in which what is sold changes on ``change_on``.

    None is a tenant that is not there yet, or not any more. The rules:

    - The day of the change counts for the new state. A change before the month leaves only the new state in it, one
      after the month only the old one.
    - A price list that begins within the month is a change like any other.
    - A line counts the days on which it applied, over the days of that month (28 to 31). The same line (list, subject,
      quantity and price) before and after a change is one line: what does not change costs the whole month.
    - Each line is rounded half up to the cent; the sum is the sum of the rounded lines, so it never differs from them.
    """
    first = month.replace(day=1)
    last = first.replace(day=_month_days(month))
    # Days may be the first or the last that a calendar has: none is computed outside the month.
    if change_on <= first:
        return price_periods([Period(first, last, after)])
    if change_on > last:
        return price_periods([Period(first, last, before)])
    return price_periods([Period(first, change_on - _DAY, before), Period(change_on, last, after)])


def price_periods(periods: Sequence[Period]) -> MonthlyPrice | NoPrice:
    """Return the price of periods of one month, by the rules of `price_between`; days outside them cost nothing.

    ValueError when they are not in one month, or not in their order without a common day.
    """
    month_days = _check_periods(periods)
    days: Counter[Item] = Counter()
    lacking: list[Lacking] = []
    for period in periods:
        for part in _split(period):
            items = list_items(part.sold, part.first)
            if isinstance(items, NoPrice):
                lacking += items.reasons
            else:
                days.update(dict.fromkeys(items, (part.last - part.first).days + 1))
    return NoPrice(tuple(lacking)) if lacking else _add_up(days, month_days)


def _check_periods(periods: Sequence[Period]) -> int:
    """Return the days of the month of all periods."""
    if not periods:
        raise ValueError("a price needs a period")
    days = [day for period in periods for day in (period.first, period.last)]
    if len({(day.year, day.month) for day in days}) > 1:
        raise ValueError("the periods of a price are not in one month")
    ends_late = any(period.last < period.first for period in periods)
    if ends_late or any(later.first <= earlier.last for earlier, later in itertools.pairwise(periods)):
        raise ValueError("the periods of a price are not in their order")
    return _month_days(days[0])


def _split(period: Period) -> Iterator[Period]:
    """Cut a period where a price list begins."""
    sold = period.sold
    starts = [each.since for each in sold.prices.lists] if sold is not None and sold.prices is not None else []
    first = period.first
    for start in sorted({each for each in starts if period.first < each <= period.last}):
        yield Period(first, start - _DAY, sold)
        first = start
    yield Period(first, period.last, sold)


def _add_up(days: Mapping[Item, int], month_days: int) -> MonthlyPrice:
    """Round each line, then add up; lines of the same kind and subject stand together, in the order of their days."""
    lines = tuple(_round_line(item, days[item], month_days) for item in sorted(days, key=_order))
    return MonthlyPrice(lines, _to_eur(sum(_to_cents(line.amount_eur) for line in lines)))


def _order(item: Item) -> tuple[int, int]:
    place = _SUBJECTS.index(item.subject) if isinstance(item.subject, StrEnum) else 0
    return _KINDS.index(item.kind), place


def _round_line(item: Item, days: int, month_days: int) -> PriceLine:
    # Half up: half a cent is added, and what is less than a cent is cut off.
    parts = _to_cents(item.unit_eur) * item.quantity * days
    cents = (2 * parts + month_days) // (2 * month_days)
    return PriceLine(
        item.kind, item.subject, item.quantity, item.unit_eur, item.since, days, month_days, _to_eur(cents)
    )


def _month_days(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def _to_cents(amount_eur: Decimal) -> int:
    """Return whole cents; an amount of a price list has no smaller part."""
    figure, parts = amount_eur.as_integer_ratio()
    return figure * 100 // parts


def _to_eur(cents: int) -> Decimal:
    # Built from its digits, which no decimal context rounds.
    return Decimal(f"{cents // 100}.{cents % 100:02}")
