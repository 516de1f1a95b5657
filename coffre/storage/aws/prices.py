"""The prices of Amazon S3 by region, with their date, and the estimate of a tenant's costs. Pure.

A price is that of the first step of AWS's scale: which step applies depends on the whole account, so a large account
pays a little less. AWS's own GB is 2^30 bytes. The first 100 GB of traffic of a month are free for the account, which
is left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from coffre.spec.tenant import Tenant
from coffre.storage.costs import GIB, CostEstimate, NoPrices, to_cents

PACK_BYTES = 16 << 20
"""restic uploads packs of about this size."""

DAILY_CHANGE = Decimal("0.01")
"""The part of the quota that a day's backups write anew: a guess, which only counts for requests."""

DAYS_A_MONTH = Decimal(365) / 12
LISTED_AT_ONCE = 1000
RUN_WRITES = 6
"""A snapshot, an index, the lock and its renewal, a report, a new order."""
RUN_LISTINGS = 10
"""restic lists snapshots, indexes and locks; Coffre lists reports, orders and snapshots."""
RUN_READS = 40


@dataclass(frozen=True)
class Prices:
    """The prices of S3 Standard in a region, in US dollars, as AWS published them on a day.

    ``write`` is one PUT, COPY, POST or LIST; ``read`` is one GET or HEAD; ``traffic_gib`` is to the internet.
    """

    published_on: date
    storage_gib_month: Decimal
    write: Decimal
    read: Decimal
    traffic_gib: Decimal


def _prices(published_on: date, storage: str, per_1000_writes: str, per_10000_reads: str, traffic: str) -> Prices:
    return Prices(
        published_on,
        Decimal(storage),
        Decimal(per_1000_writes) / 1000,
        Decimal(per_10000_reads) / 10_000,
        Decimal(traffic),
    )


SOURCE = "AWS Price List Bulk API, AmazonS3 and AWSDataTransfer, current/REGION/index.json"

PRICES: Mapping[str, Prices] = {
    "eu-central-1": _prices(date(2026, 8, 31), "0.0245", "0.0054", "0.0043", "0.09"),
    "eu-west-1": _prices(date(2026, 9, 6), "0.023", "0.005", "0.004", "0.09"),
    "eu-west-3": _prices(date(2026, 9, 28), "0.024", "0.0053", "0.0042", "0.09"),
}
"""The day is that of AWS's publication; for eu-west-1 it is the day on which the list was read."""


def estimate(tenant: Tenant, region: str, verify_days: int) -> CostEstimate | NoPrices:
    """Return what a tenant costs when its quota is full, with every pack read once in ``verify_days``.

    A second copy is not verified: `coffre verify` reads the originals.
    """
    prices = PRICES.get(region)
    if prices is None:
        return NoPrices(region)
    gib = Decimal(tenant.storage.quota_bytes) / GIB
    packs = Decimal(tenant.storage.quota_bytes) / PACK_BYTES
    full_read = gib * prices.traffic_gib + packs * prices.read
    return CostEstimate(
        region=region,
        prices_of=prices.published_on,
        storage_gib_month=prices.storage_gib_month,
        storage_month=to_cents(gib * prices.storage_gib_month),
        requests_month=to_cents(_requests_month(tenant, packs, prices)),
        verification_month=to_cents(Decimal(0) if tenant.is_copy else full_read * DAYS_A_MONTH / verify_days),
        restore=to_cents(full_read),
    )


def _requests_month(tenant: Tenant, packs: Decimal, prices: Prices) -> Decimal:
    """Price the requests of a month: new packs, each run's small objects, and a listing of everything for each run."""
    runs = runs_a_month(tenant)
    writes = packs * DAILY_CHANGE * DAYS_A_MONTH + runs * (RUN_WRITES + RUN_LISTINGS + packs / LISTED_AT_ONCE)
    return writes * prices.write + runs * RUN_READS * prices.read


def runs_a_month(tenant: Tenant) -> Decimal:
    """Return how often the plans of all active machines run in a month, on average; of a copy, its daily runs."""
    if tenant.is_copy:
        return len(tenant.machines) * DAYS_A_MONTH
    a_week = sum(
        len(schedule.days)
        for machine in tenant.active_machines().values()
        for schedule in tenant.plans[machine.plan].schedule
    )
    return Decimal(a_week) * DAYS_A_MONTH / 7
