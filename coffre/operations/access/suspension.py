"""Tenants whose machines have no access to their repositories: suspended, or under a hold that blocks access."""

import contextlib
from collections.abc import Collection, Mapping

from coffre.agents.kinds import with_bucket
from coffre.errors import RefusedError
from coffre.orders.control import put_gate_order
from coffre.spec.access import find_reason
from coffre.spec.tenant import Tenant, TenantStatus
from coffre.tenant.access import refuse_while_blocked
from coffre.tenant.estate.buckets import ExistingBuckets, TenantBuckets
from coffre.workspace.clock import utc_now


def shut_out_early(tenant: Tenant, buckets: TenantBuckets, existing: ExistingBuckets) -> None:
    """Block the machines' access to the existing buckets, before another step can fail. Allows no access."""
    reason = find_reason(tenant)
    if reason is None:
        return
    for name in existing.among(with_bucket(tenant.active_machines())):
        # A killed apply left a bucket without a policy: then the storage step completes it first.
        with contextlib.suppress(RefusedError):
            set_suspension(buckets, name, reason)


def settle_suspension(tenant: Tenant, buckets: TenantBuckets) -> None:
    """Block or allow every active machine's access to its repository, as the tenant file says. May run twice."""
    for name in with_bucket(tenant.active_machines()):
        set_suspension(buckets, name, find_reason(tenant))


def set_suspension(buckets: TenantBuckets, machine: str, reason: str | None) -> bool:
    """Block one machine's access, or allow it without a reason: first the policy, then the order with the reason.

    Returns whether something changed. Allowed access does not set the gate: `settle_gate` comes next.
    """
    changed = buckets.open(machine).set_suspension(reason is not None)
    if reason is None:
        return changed
    return put_gate_order(buckets, machine, is_closed=True, reason=reason, since=utc_now()) or changed


def find_shut_out(tenant: Tenant, buckets: TenantBuckets, machines: Collection[str]) -> Mapping[str, RefusedError]:
    """Return the machines among these that the platform blocks although the file allows them, each with the reason.

    An unfinished apply can leave this state. RefusedError when backups are not allowed at all: by the file, because the
    platform blocks all these machines, or because the tenant has left.
    """
    refuse_while_blocked(tenant)
    if tenant.status is TenantStatus.SUSPENDED:
        raise RefusedError(
            f"{tenant.slug} is suspended: its machines may not back up",
            "SMILÉO can still restore. To allow backups again, write `status: active` and run `coffre apply`.",
        )
    shut = [name for name in machines if buckets.open(name).is_suspended()]
    if shut and tenant.status is TenantStatus.LEAVING:
        raise RefusedError(
            f"{tenant.slug} has left: the service has ended, and its machines have no access ({', '.join(shut)})",
            f"SMILÉO can still restore. `coffre offboard {tenant.slug} --plan` shows the next step.",
        )
    if shut and len(shut) == len(machines):
        raise _still_shut_out(tenant, shut)
    return {name: _still_shut_out(tenant, [name]) for name in shut}


def _still_shut_out(tenant: Tenant, machines: Collection[str]) -> RefusedError:
    return RefusedError(
        f"{tenant.slug}: the platform does not let {', '.join(machines)} write yet",
        f"The tenant file allows it: run `coffre apply {tenant.slug}`.",
    )
