"""Retired machines: they back up no more, and their backups are kept for a while. Pure."""

from dataclasses import dataclass
from datetime import date

from coffre.spec.tenant import Retirement, Tenant


@dataclass(frozen=True)
class RetiredStatus:
    """A retired machine's days, and what becomes of its backups.

    ``is_kept_by_hold``: the day ``keep_until`` is over, and a hold keeps the backups all the same.
    """

    on: date
    keep_until: date
    may_be_erased: bool
    is_kept_by_hold: bool


def is_erasable(tenant: Tenant, retirement: Retirement, today: date) -> bool:
    """Tell whether the day until which a retired machine's backups stay is over, and no hold keeps them."""
    return tenant.hold is None and today > retirement.keep_until


def judge_retirement(tenant: Tenant, retirement: Retirement, today: date) -> RetiredStatus:
    """Return what is kept of a retired machine, and for how long."""
    may_be_erased = is_erasable(tenant, retirement, today)
    return RetiredStatus(
        on=retirement.on,
        keep_until=retirement.keep_until,
        may_be_erased=may_be_erased,
        is_kept_by_hold=today > retirement.keep_until and not may_be_erased,
    )
