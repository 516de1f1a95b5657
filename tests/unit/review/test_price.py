"""The price of a month and of a change in it: which lines there are, what they count, and how they are rounded."""

import decimal
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from coffre.review.price import (
    Lack,
    Lacking,
    LineKind,
    MonthlyPrice,
    NoPrice,
    Period,
    Sold,
    price_between,
    price_month,
    price_periods,
)
from coffre.review.sold import find_list
from coffre.spec.machine import MachineKind
from coffre.spec.prices import Prices
from coffre.spec.tenant import Option, Tenant
from tests.builders import machine_with, tenant_with

GIB = 1 << 30
TIB = 1 << 40
FIRST_LIST: dict[str, Any] = {
    "since": "2026-01-01",
    "machines": {"workstation": "4.90", "server": "14.90"},
    "volume": [
        {"up_to": 100 * GIB, "month": "9.00"},
        {"up_to": 500 * GIB, "month": "29.00"},
        {"up_to": TIB, "month": "49.00"},
    ],
    "volume_beyond": {"each": TIB, "month": "45.00"},
    "options": {"restore_tests": "15.00", "file_backup": "0"},
    "out_of_hours_hour": "85.00",
}
DEARER = {**FIRST_LIST, "since": "2027-01-01", "machines": {"workstation": "5.90", "server": "14.90"}}
JUNE = date(2026, 6, 15)


def prices(*lists: dict[str, Any], volume: str = "reserved") -> Prices:
    return Prices.model_validate({"volume": volume, "lists": lists or [FIRST_LIST]})


def tenant(
    quota: int = 200 * GIB, *, workstation: int = 12, server: int = 1, copy: str | None = None, **changes: Any
) -> Tenant:
    storage = {"platform": "lab", "quota": quota, **({"copy": {"platform": copy}} if copy else {})}
    return tenant_with(storage=storage, licences={"workstation": workstation, "server": server}, **changes)


def euros(price: MonthlyPrice | NoPrice) -> MonthlyPrice:
    assert isinstance(price, MonthlyPrice), price
    return price


def short(price: MonthlyPrice | NoPrice) -> list[tuple[LineKind, int, str, int, str]]:
    lines = euros(price).lines
    return [(line.kind, line.quantity, str(line.unit_eur), line.days, str(line.amount_eur)) for line in lines]


def test_a_month_has_a_line_for_each_thing_sold() -> None:
    price = euros(price_month(tenant(options=["restore_tests", "file_backup"]), prices(), JUNE))
    assert short(price) == [
        (LineKind.MACHINES, 12, "4.90", 30, "58.80"),
        (LineKind.MACHINES, 1, "14.90", 30, "14.90"),
        (LineKind.VOLUME, 1, "29.00", 30, "29.00"),
        (LineKind.OPTION, 1, "0", 30, "0.00"),
        (LineKind.OPTION, 1, "15.00", 30, "15.00"),
    ]
    assert [line.subject for line in price.lines] == [
        MachineKind.WORKSTATION,
        MachineKind.SERVER,
        prices().lists[0].volume[1],
        Option.FILE_BACKUP,
        Option.RESTORE_TESTS,
    ]
    assert {line.since for line in price.lines} == {date(2026, 1, 1)}
    assert str(price.total_eur) == "117.70"


def test_licences_are_counted_and_not_the_machines_that_use_them() -> None:
    none_yet = price_month(tenant(machines={}), prices(), JUNE)
    retired = machine_with(retired={"on": "2026-12-31", "keep_until": "2027-03-31"})
    assert price_month(tenant(), prices(), JUNE) == none_yet
    assert price_month(tenant(machines={"vieux-pc": retired}), prices(), JUNE) == none_yet


def test_a_kind_without_licence_has_no_line() -> None:
    assert [line.subject for line in euros(price_month(tenant(server=0), prices(), JUNE)).lines[:1]] == ["workstation"]
    only_volume = euros(price_month(tenant_with(licences={}), prices(), JUNE))
    assert [line.kind for line in only_volume.lines] == [LineKind.VOLUME]


@pytest.mark.parametrize(
    ("quota", "volume"),
    [
        (1, ["9.00"]),
        (100 * GIB, ["9.00"]),
        (100 * GIB + 1, ["29.00"]),
        (500 * 10**9, ["29.00"]),
        (TIB, ["49.00"]),
        (TIB + 1, ["49.00", "45.00"]),
        (2 * TIB, ["49.00", "45.00"]),
        (2 * TIB + 1, ["49.00", "90.00"]),
        (1 << 60, ["49.00", str(Decimal("45.00") * ((1 << 20) - 1))]),
    ],
)
def test_the_smallest_step_that_holds_the_volume_counts_and_begun_parts_beyond_it(
    quota: int, volume: list[str]
) -> None:
    lines = euros(price_month(tenant(quota), prices(), JUNE)).lines
    assert [str(line.amount_eur) for line in lines if line.kind.startswith("volume")] == volume


def test_stored_volume_is_priced_by_the_bytes_in_storage() -> None:
    by_stored = prices(volume="stored")
    full, empty = (price_month(tenant(), by_stored, JUNE, stored_bytes=stored) for stored in (TIB, 0))
    assert str(euros(full).lines[2].unit_eur) == "49.00"
    assert str(euros(empty).lines[2].unit_eur) == "9.00"
    assert price_month(tenant(), by_stored, JUNE) == NoPrice((Lacking(Lack.STORED, JUNE, since=date(2026, 1, 1)),))
    assert price_month(tenant(), prices(), JUNE, stored_bytes=TIB) == price_month(tenant(), prices(), JUNE)


def test_without_a_price_there_is_none_and_never_0() -> None:
    assert price_month(tenant(), None, JUNE) == NoPrice((Lacking(Lack.PRICES, JUNE),))
    early = date(2025, 12, 31)
    assert price_month(tenant(), prices(), early) == NoPrice((Lacking(Lack.LIST, early),))
    bounded = prices({**FIRST_LIST, "volume_beyond": None})
    since = date(2026, 1, 1)
    assert price_month(tenant(TIB), bounded, JUNE) == price_month(tenant(TIB), prices(), JUNE)
    sold = tenant(2 * TIB, options=["restore", "restore_tests", "database_backup"])
    assert price_month(sold, bounded, JUNE) == NoPrice(
        (
            Lacking(Lack.VOLUME, JUNE, since, volume_bytes=2 * TIB),
            Lacking(Lack.OPTION, JUNE, since, option=Option.DATABASE_BACKUP),
            Lacking(Lack.OPTION, JUNE, since, option=Option.RESTORE),
        )
    )


def test_the_list_of_the_day_is_the_latest_that_has_begun() -> None:
    both = prices(FIRST_LIST, DEARER)
    days = [date(2025, 12, 31), date(2026, 1, 1), date(2026, 12, 31), date(2027, 1, 1), date.max]
    found = [find_list(both, day) for day in days]
    assert [each and each.since.year for each in found] == [None, 2026, 2026, 2027, 2027]
    assert [str(euros(price_month(tenant(), both, day)).lines[0].unit_eur) for day in days[1:]] == [
        "4.90",
        "4.90",
        "5.90",
        "5.90",
    ]


def test_a_second_copy_is_priced_by_begun_parts_of_the_same_volume() -> None:
    copied = {**FIRST_LIST, "second_copy": {"each": 100 * GIB, "month": "4.00"}}
    lines = short(price_month(tenant(201 * GIB, copy="aws-paris"), prices(copied), JUNE))
    assert lines[2:] == [
        (LineKind.VOLUME, 1, "29.00", 30, "29.00"),
        (LineKind.SECOND_COPY, 3, "4.00", 30, "12.00"),
    ]
    by_stored = prices(copied, volume="stored")
    stored = short(price_month(tenant(copy="aws-paris"), by_stored, JUNE, stored_bytes=0))
    assert stored[-1] == (LineKind.SECOND_COPY, 0, "4.00", 30, "0.00")
    assert price_month(tenant(), prices(copied), JUNE) == price_month(tenant(), prices(), JUNE)


def test_a_second_copy_without_price_leaves_no_price_at_all() -> None:
    price = price_month(tenant(copy="aws-paris"), prices(), JUNE)
    assert price == NoPrice((Lacking(Lack.SECOND_COPY, JUNE, since=date(2026, 1, 1)),))


@pytest.mark.parametrize("status", ["active", "suspended", "leaving"])
def test_the_price_stays_until_the_tenant_is_closed(status: str) -> None:
    """A suspended tenant's data is kept, and nothing is added to the price of one that leaves."""
    assert price_month(tenant(status=status), prices(), JUNE) == price_month(tenant(), prices(), JUNE)
    assert price_month(tenant(status="closed"), prices(), JUNE) == MonthlyPrice((), Decimal(0))


def test_a_change_counts_from_its_day_on_and_what_stays_is_one_line() -> None:
    before, after = Sold(tenant(), prices()), Sold(tenant(600 * GIB, workstation=13), prices())
    price = price_between(before, after, date(2026, 6, 11), JUNE)
    assert short(price) == [
        (LineKind.MACHINES, 12, "4.90", 10, "19.60"),
        (LineKind.MACHINES, 13, "4.90", 20, "42.47"),  # 42.466…
        (LineKind.MACHINES, 1, "14.90", 30, "14.90"),
        (LineKind.VOLUME, 1, "29.00", 10, "9.67"),  # 9.666…
        (LineKind.VOLUME, 1, "49.00", 20, "32.67"),  # 32.666…
    ]
    assert str(euros(price).total_eur) == "119.31"


def test_a_quota_that_stays_within_its_step_changes_no_line() -> None:
    before, after = Sold(tenant(200 * GIB), prices()), Sold(tenant(400 * GIB), prices())
    assert price_between(before, after, JUNE, JUNE) == price_month(tenant(), prices(), JUNE)


def test_a_tenant_that_comes_or_goes_has_only_its_days() -> None:
    sold = Sold(tenant(server=0), prices())
    comes, goes = price_between(None, sold, JUNE, JUNE), price_between(sold, None, JUNE, JUNE)
    assert [line[3:] for line in short(comes)] == [(16, "31.36"), (16, "15.47")]
    assert [line[3:] for line in short(goes)] == [(14, "27.44"), (14, "13.53")]
    closed = Sold(tenant(server=0, status="closed"), prices())
    assert price_between(sold, closed, JUNE, JUNE) == goes
    assert price_between(None, None, JUNE, JUNE) == MonthlyPrice((), Decimal(0))


def test_a_change_on_the_last_day_counts_for_one_day() -> None:
    before, after = Sold(tenant(server=0), prices()), Sold(tenant(workstation=31, server=0), prices())
    price = price_between(before, after, date(2026, 6, 30), JUNE)
    assert short(price) == [
        (LineKind.MACHINES, 12, "4.90", 29, "56.84"),
        (LineKind.MACHINES, 31, "4.90", 1, "5.06"),  # 5.063…
        (LineKind.VOLUME, 1, "29.00", 30, "29.00"),
    ]


def test_a_change_outside_the_month_leaves_one_state_in_it() -> None:
    before, after = Sold(tenant(), prices()), Sold(tenant(workstation=1), prices())
    for change_on, sold in ((date(2026, 5, 31), after), (date(2026, 6, 1), after), (date(2026, 7, 1), before)):
        assert price_between(before, after, change_on, JUNE) == price_month(sold.tenant, prices(), JUNE)
    for month in (date.min, date.max):
        assert price_between(None, None, date.min, month) == price_between(None, None, date.max, month)


def test_a_list_that_begins_within_the_month_is_a_change_like_any_other() -> None:
    within = prices(FIRST_LIST, {**DEARER, "since": "2026-06-21"})
    sold = Sold(tenant(server=0), within)
    price = price_between(sold, sold, date(2026, 1, 1), JUNE)
    assert short(price) == [
        (LineKind.MACHINES, 12, "4.90", 20, "39.20"),
        (LineKind.MACHINES, 12, "5.90", 10, "23.60"),
        (LineKind.VOLUME, 1, "29.00", 20, "19.33"),
        (LineKind.VOLUME, 1, "29.00", 10, "9.67"),
    ]
    assert [line.since for line in euros(price).lines] == [date(2026, 1, 1), date(2026, 6, 21)] * 2


@pytest.mark.parametrize(("begins", "days"), [(1, [30]), (2, [1, 29]), (30, [29, 1])])
def test_a_list_may_begin_on_any_day_of_the_month(begins: int, days: list[int]) -> None:
    sold = Sold(tenant(server=0), prices(FIRST_LIST, {**DEARER, "since": f"2026-06-{begins:02}"}))
    price = price_between(sold, sold, JUNE, JUNE)
    assert [line.days for line in euros(price).lines if line.kind is LineKind.MACHINES] == days


def test_a_price_list_that_the_change_itself_brings_counts_from_the_day_of_the_change() -> None:
    before, after = Sold(tenant(), prices()), Sold(tenant(), prices(FIRST_LIST, {**DEARER, "since": "2026-06-11"}))
    price = euros(price_between(before, after, date(2026, 6, 21), JUNE))
    assert [line.days for line in price.lines if line.subject is MachineKind.WORKSTATION] == [20, 10]
    assert not [line for line in price.lines if line.days == 30]


def test_a_list_lacking_on_some_days_leaves_no_price_of_the_month() -> None:
    late = prices({**FIRST_LIST, "since": "2026-06-11"})
    sold = Sold(tenant(), late)
    assert price_between(sold, sold, JUNE, JUNE) == NoPrice((Lacking(Lack.LIST, date(2026, 6, 1)),))
    new_option = Sold(tenant(options=["restore"]), prices())
    price = price_between(Sold(tenant(), None), new_option, JUNE, JUNE)
    assert isinstance(price, NoPrice)
    assert [(each.lack, each.on.day) for each in price.reasons] == [(Lack.PRICES, 1), (Lack.OPTION, 15)]


@pytest.mark.parametrize(
    ("month", "days"), [(date(2027, 2, 1), 28), (date(2028, 2, 29), 29), (JUNE, 30), (date(2026, 12, 31), 31)]
)
def test_days_are_those_of_the_month(month: date, days: int) -> None:
    price = euros(price_between(None, Sold(tenant(), prices()), month.replace(day=2), month))
    assert {(line.days, line.month_days) for line in price.lines} == {(days - 1, days)}
    fee = Decimal(1490 * (days - 1)) / days / 100
    assert price.lines[1].amount_eur == fee.quantize(Decimal("0.01"), decimal.ROUND_HALF_UP)


def test_half_a_cent_is_rounded_up_line_by_line() -> None:
    """Three lines of half a cent are 3 cents: the sum is that of the rounded lines, not the rounded sum."""
    cent = {"workstation": "0.01", "server": "0.01"}
    tiny = prices({**FIRST_LIST, "machines": cent, "volume": [{"up_to": TIB, "month": "0.01"}]})
    price = euros(price_between(None, Sold(tenant(workstation=1), tiny), date(2026, 6, 16), JUNE))
    assert [str(line.amount_eur) for line in price.lines] == ["0.01", "0.01", "0.01"]
    assert str(price.total_eur) == "0.03"


@pytest.mark.parametrize(
    ("periods", "said"),
    [
        ([], "a price needs a period"),
        ([(1, 30), (31, 31)], "the periods of a price are not in one month"),
        ([(2, 1)], "the periods of a price are not in their order"),
        ([(1, 10), (10, 20)], "the periods of a price are not in their order"),
        ([(11, 20), (1, 10)], "the periods of a price are not in their order"),
    ],
)
def test_periods_are_of_one_month_and_in_their_order(periods: list[tuple[int, int]], said: str) -> None:
    first = date(2026, 6, 1)
    days = [(first + timedelta(start - 1), first + timedelta(end - 1)) for start, end in periods]
    with pytest.raises(ValueError, match=said):
        price_periods([Period(start, end, None) for start, end in days])
