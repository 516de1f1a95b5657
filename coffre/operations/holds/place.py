"""Places a confidential hold: records it first, then carries it out on the platform and reads it back."""

from coffre.errors import BusyError
from coffre.operations.access.suspension import set_suspension
from coffre.operations.holds.settle import settle_expiry
from coffre.secrets.store import OnNotice
from coffre.spec.access import find_reason
from coffre.spec.loader import Checkout
from coffre.spec.tenant import Tenant
from coffre.tenant.estate.buckets import TenantBuckets
from coffre.tenant.holds import RecordedHold, record_hold
from coffre.tenant.runs import lock_tenant, open_recorded

PATIENCE_SECONDS = 60
"""The maximum wait for a command that changes the tenant; an erasure stops at a hold within a second."""


def place_hold(checkout: Checkout, slug: str, hold: RecordedHold, on_notice: OnNotice) -> int:
    """Record a hold and make sure that the platform deletes nothing; returns how many buckets were read back.

    The record alone does not wait for the tenant's lock: it stops an erasure that has the lock. The hold is in force
    from then on, even if the platform cannot be reached or another command does not end: the error says so, and the
    same command (or `coffre apply`) finishes it.
    """
    with open_recorded(checkout, slug, "hold place", on_notice) as opened:
        record_hold(opened.log, hold)
        try:
            # First the lock, then the read: rules that an apply set before, under the lock, are removed here.
            with lock_tenant(
                checkout, slug, on_notice, command="hold place", patience_seconds=PATIENCE_SECONDS
            ) as held:
                # The original first: it does not wait for the platform of the copy, nor for its settings.
                read_back = carry_out(held.tenant, held.buckets)
                copied = held.second_copy
                return read_back + (0 if copied is None else carry_out(copied.tenant, copied.buckets))
        except BusyError as error:
            raise BusyError(
                f"{slug}: the hold is recorded and in force, but rules that delete may still exist: {error.message}",
                "Wait until that command ends and run this one again: it then checks every bucket.",
            ) from error


def carry_out(tenant: Tenant, buckets: TenantBuckets) -> int:
    """Make sure that the platform applies a tenant's hold; returns how many buckets were read back."""
    names = buckets.existing().among(tenant.machines)
    settle_expiry(tenant, buckets, names)
    reason, active = find_reason(tenant), tenant.active_machines()
    for name in names:
        if reason is not None and name in active:
            set_suspension(buckets, name, reason)
    return len(names)
