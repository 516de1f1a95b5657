"""Retired machines, as people read of them: no backup any more, and their backups kept for a while. Pure."""

from datetime import date

from coffre.errors import RefusedError
from coffre.operations.service import find_machine
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


def choose_to_back_up(tenant: Tenant, machine: str | None) -> list[str]:
    """Return the machines that `coffre backup` is about: the one named, or all in service; RefusedError for none."""
    if machine is None:
        names = list(tenant.active_machines())
        if not names:
            raise RefusedError(f"{tenant.slug} has no machine in service", "Every machine of its file is retired.")
        return names
    retirement = find_machine(tenant, machine).retired
    if retirement is not None:
        raise RefusedError(
            f"{tenant.slug}/{machine} is retired since {retirement.on:%Y-%m-%d}: it has no key to back up with",
            "Its backups can be restored. Take `retired:` out of the file and apply to take it into service again.",
        )
    return [machine]
