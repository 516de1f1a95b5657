"""Retired machines, as people read of them: no backup any more, and their backups kept for a while. Pure."""

from datetime import date

from coffre.spec.tenant import Retirement, Tenant


def is_erasable(tenant: Tenant, retirement: Retirement, today: date) -> bool:
    """Tell whether the day until which a retired machine's backups stay is over, and no hold keeps them."""
    return tenant.hold is None and today > retirement.keep_until


def describe_retirement(tenant: Tenant, retirement: Retirement, today: date) -> str:
    """Say what is kept of a retired machine, and for how long."""
    text = f"retired on {retirement.on:%Y-%m-%d}, its backups "
    if is_erasable(tenant, retirement, today):
        return text + f"may be erased since {retirement.keep_until:%Y-%m-%d}"
    if today > retirement.keep_until:
        return text + f"are kept by the hold ({retirement.keep_until:%Y-%m-%d} is over)"
    return text + f"are kept until {retirement.keep_until:%Y-%m-%d}"
