"""What a tenant costs on AWS, against sums done by hand."""

from datetime import date
from decimal import Decimal

import pytest

from coffre.storage.aws.prices import PRICES, estimate, runs_a_month
from coffre.storage.costs import CostEstimate, NoPrices
from tests.builders import machine_with, tenant_with

TIB = 1 << 40
TENANT = tenant_with(storage={"platform": "lab", "quota": "1 TiB"})


def in_paris(tenant=TENANT, verify_days=30) -> CostEstimate:
    found = estimate(tenant, "eu-west-3", verify_days)
    assert isinstance(found, CostEstimate)
    return found


def test_storage_and_a_restore_of_a_full_quota():
    """1,024 GiB at 0.024; 1,024 GiB of traffic at 0.09 and 65,536 packs at 0.0042 for 10,000 reads."""
    assert in_paris().storage_month == Decimal("24.58")
    assert in_paris().restore == Decimal("92.19")
    assert in_paris().prices_of == date(2026, 9, 28)


def test_verification_reads_everything_once_in_its_days():
    """92.1875 dollars for a reading, 365 / 12 / 30 times a month; a third as often, a third of it."""
    assert in_paris().verification_month == Decimal("93.47")
    assert in_paris(verify_days=90).verification_month == Decimal("31.16")


def test_requests_of_a_fleet():
    """Two machines, 5 runs a week each: 43.4524 runs a month.

    Writes: 655.36 packs a day for 30.4167 days, and 81.536 for each run; reads: 40 for each run.
    """
    assert runs_a_month(TENANT) == pytest.approx(Decimal("43.4524"), abs=Decimal("0.0001"))
    writes = Decimal("655.36") * 365 / 12 + Decimal("43.4524") * Decimal("81.536")
    by_hand = writes * Decimal("0.0000053") + Decimal("43.4524") * 40 * Decimal("0.00000042")
    assert in_paris().requests_month == by_hand.quantize(Decimal("0.01"))


def test_a_retired_machine_makes_no_requests():
    retired = machine_with(retired={"on": "2026-11-01", "keep_until": "2099-12-31"})
    one = tenant_with(machines={"compta-01": machine_with()})
    assert runs_a_month(tenant_with(machines={"compta-01": machine_with(), "caisse-01": retired})) == runs_a_month(one)


def test_present_use_is_priced_like_the_quota():
    assert in_paris().store(TIB) == in_paris().storage_month
    assert in_paris().store(0) == Decimal("0.00")


def test_the_month_is_the_sum_of_its_parts():
    found = in_paris()
    assert found.month == found.storage_month + found.requests_month + found.verification_month


def test_a_region_without_prices_says_so():
    assert estimate(TENANT, "eu-north-1", 30) == NoPrices("eu-north-1")


def test_the_table_has_the_regions_that_are_sold_and_a_believable_date():
    assert set(PRICES) == {"eu-central-1", "eu-west-1", "eu-west-3"}
    for prices in PRICES.values():
        assert date(2026, 1, 1) <= prices.published_on <= date.today()  # noqa: DTZ011 - a day without a clock
        assert prices.read < prices.write < prices.storage_gib_month < prices.traffic_gib
