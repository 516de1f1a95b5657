"""The brake: freezes the retention of one machine at once, and releases it when a person says so."""

from coffre.errors import BusyError
from coffre.operations.holds.settle import settle_expiry
from coffre.records.facts.supervision import RetentionFrozen
from coffre.secrets.store import OnNotice
from coffre.spec.loader import Checkout
from coffre.tenant.estate.freezes import Freeze, freeze_retention, release_retention
from coffre.tenant.lookup import find_machine
from coffre.tenant.opening import OpenTenant
from coffre.tenant.runs import lock_recorded, lock_tenant, open_recorded

PATIENCE_SECONDS = 60
"""The maximum wait for a command that changes the tenant."""


def pull_brake(checkout: Checkout, slug: str, machine: str, fact: RetentionFrozen, on_notice: OnNotice) -> Freeze:
    """Record that a machine's retention is frozen, and make sure that the platform removes nothing of it either.

    As with a hold, the record does not wait for the tenant's lock. If another command does not end, or the platform
    cannot be reached, the retention is frozen for Coffre; the error says that rules of the platform may still delete.
    """
    with open_recorded(checkout, slug, "brake freeze", on_notice) as opened:
        find_machine(opened.tenant, machine)
        frozen = freeze_retention(opened.log, machine, fact)
        try:
            with lock_tenant(
                checkout, slug, on_notice, command="brake freeze", patience_seconds=PATIENCE_SECONDS
            ) as held:
                keep_frozen(held, machine)
        except BusyError as error:
            raise BusyError(
                f"{slug}: the retention of {machine} is frozen, but rules of the platform may still delete: "
                f"{error.message}",
                "Wait until that command ends, then run this one again; the next pass of supervision does it too.",
            ) from error
    return frozen


def keep_frozen(opened: OpenTenant, machine: str) -> None:
    """Make sure that no rule of the platform, nor of that of the second copy, removes anything of a frozen machine.

    May run twice. The tenant was opened under its lock, after the freeze was recorded.
    """
    for home in opened.homes:
        names = home.buckets.existing().among([machine])
        settle_expiry(home.tenant, home.buckets, names)


def release_brake(checkout: Checkout, slug: str, machine: str, reason: str, on_notice: OnNotice) -> None:
    """Record that a person released a machine's retention; the next apply lets the platform expire again."""
    with lock_recorded(checkout, slug, "brake release", on_notice) as opened:
        release_retention(opened.log, machine, reason)
