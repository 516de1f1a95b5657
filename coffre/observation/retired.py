"""Retired machines: they no longer back up, and their backups are kept for a period. Pure."""

from dataclasses import dataclass
from datetime import date

from coffre.spec.tenant import Retirement, Tenant


@dataclass(frozen=True)
class RetiredStatus:
    """A retired machine's dates, and the future of its backups.

    ``is_kept_by_hold``: the day ``keep_until`` has passed, but a hold still keeps the backups.
    """

    on: date
    keep_until: date
    may_be_erased: bool
    is_kept_by_hold: bool


def is_erasable(tenant: Tenant, retirement: Retirement, today: date) -> bool:
    """Tell whether the period of a retired machine's backups is over, and no hold keeps them."""
    return tenant.hold is None and today > retirement.keep_until


def judge_retirement(tenant: Tenant, retirement: Retirement, today: date) -> RetiredStatus:
    """Return what is kept of a retired machine, and until when."""
    may_be_erased = is_erasable(tenant, retirement, today)
    return RetiredStatus(
        on=retirement.on,
        keep_until=retirement.keep_until,
        may_be_erased=may_be_erased,
        is_kept_by_hold=today > retirement.keep_until and not may_be_erased,
    )
