"""What a tenant costs on a platform that bills by use: amounts in US dollars, with the date of the prices."""

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

GIB = 1 << 30
_CENT = Decimal("0.01")


@dataclass(frozen=True)
class CostEstimate:
    """The costs of a tenant whose quota is full, without tax, discounts and free amounts.

    ``storage_month`` is for current objects alone; earlier versions cost the same for each byte. ``verification_month``
    is to read every pack once within the days of `verify:`. ``restore`` is one restore of everything.
    """

    region: str
    prices_of: date
    storage_gib_month: Decimal
    storage_month: Decimal
    requests_month: Decimal
    verification_month: Decimal
    restore: Decimal

    @property
    def month(self) -> Decimal:
        return self.storage_month + self.requests_month + self.verification_month

    def store(self, stored_bytes: int) -> Decimal:
        """Return what so many bytes cost for a month, in whole cents."""
        return to_cents(self.storage_gib_month * stored_bytes / GIB)


@dataclass(frozen=True)
class NoPrices:
    """The platform bills by use, and Coffre's table has no prices for its region."""

    region: str


def to_cents(amount: Decimal) -> Decimal:
    return amount.quantize(_CENT, ROUND_HALF_UP)
