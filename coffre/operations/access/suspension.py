"""Tenants whose machines are shut out of their repositories: suspended, or under a hold that blocks access."""

import contextlib
from collections.abc import Collection, Mapping

from coffre.agents.kinds import with_bucket
from coffre.errors import RefusedError
from coffre.orders.control import put_gate_order
from coffre.spec.tenant import Tenant, TenantStatus
from coffre.tenant.access import find_reason, refuse_while_blocked
from coffre.tenant.estate.buckets import ExistingBuckets, TenantBuckets
from coffre.workspace.clock import utc_now


def shut_out_early(tenant: Tenant, buckets: TenantBuckets, existing: ExistingBuckets) -> None:
    """Shut the machines out of the buckets that are there, before anything else can fail. Lets nobody in."""
    reason = find_reason(tenant)
    if reason is None:
        return
    for name in existing.among(with_bucket(tenant.active_machines())):
        # An apply that was killed left a bucket without a policy: storage is finished first then.
        with contextlib.suppress(RefusedError):
            set_suspension(buckets, name, reason)


def settle_suspension(tenant: Tenant, buckets: TenantBuckets) -> None:
    """Shut every machine in service out of its repository, or let it in, as the tenant file says. May run twice."""
    for name in with_bucket(tenant.active_machines()):
        set_suspension(buckets, name, find_reason(tenant))


def set_suspension(buckets: TenantBuckets, machine: str, reason: str | None) -> bool:
    """Shut one machine out, or with no reason let it in: the policy first, then the order that tells it why.

    Returns whether something changed. Letting a machine in leaves its gate to `settle_gate`, which comes next.
    """
    changed = buckets.open(machine).set_suspension(reason is not None)
    if reason is None:
        return changed
    return put_gate_order(buckets, machine, is_closed=True, reason=reason, since=utc_now()) or changed


def find_shut_out(tenant: Tenant, buckets: TenantBuckets, machines: Collection[str]) -> Mapping[str, RefusedError]:
    """Return which of these machines the platform does not let in although the file does, each with why.

    An apply that did not come to its end leaves one so. RefusedError when backups may not start at all: by the file, by
    what stands on the platform of all of these machines, and when the tenant has left.
    """
    refuse_while_blocked(tenant)
    if tenant.status is TenantStatus.SUSPENDED:
        raise RefusedError(
            f"{tenant.slug} is suspended: its machines may not back up",
            "SMILÉO may still restore. Write `status: active` and run `coffre apply` to let them in again.",
        )
    shut = [name for name in machines if buckets.open(name).is_suspended()]
    if shut and tenant.status is TenantStatus.LEAVING:
        raise RefusedError(
            f"{tenant.slug} has left: the service has ended, and its machines are shut out ({', '.join(shut)})",
            f"SMILÉO may still restore. `coffre offboard {tenant.slug} --plan` says what comes next.",
        )
    if shut and len(shut) == len(machines):
        raise _still_shut_out(tenant, shut)
    return {name: _still_shut_out(tenant, [name]) for name in shut}


def _still_shut_out(tenant: Tenant, machines: Collection[str]) -> RefusedError:
    return RefusedError(
        f"{tenant.slug}: the platform does not let {', '.join(machines)} write yet",
        f"The file does: run `coffre apply {tenant.slug}`.",
    )
