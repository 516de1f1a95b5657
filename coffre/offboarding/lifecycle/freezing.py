"""The end of the service: denies machines access to their repositories, and restores it for a renounced departure."""

from coffre.errors import RemoteError
from coffre.offboarding.lifecycle.evidence import Frozen
from coffre.operations.access.gate import settle_gate
from coffre.operations.access.suspension import set_suspension
from coffre.spec import naming
from coffre.spec.access import LEFT, find_reason
from coffre.spec.parts import of_buckets
from coffre.spec.tenant import Tenant
from coffre.tenant.estate.buckets import TenantBuckets
from coffre.tenant.opening import OpenTenant


def freeze(tenant: Tenant, buckets: TenantBuckets) -> Frozen:
    """Deny every machine in service access to its repository; SMILÉO's key still works. May run twice.

    RemoteError when a policy does not show this afterwards.
    """
    names = list_buckets(tenant, buckets, in_service=True)
    for name in names:
        set_suspension(buckets, name, LEFT)
    open_still = [name for name in names if not buckets.open(name).is_suspended()]
    if open_still:
        raise RemoteError(
            f"{tenant.slug}: {', '.join(open_still)} can still reach the repository",
            "Somebody else changes the policy of these buckets: find out who, then run the same command again.",
        )
    return Frozen(tuple(names))


def thaw(opened: OpenTenant) -> None:
    """Restore the access of every machine in service, and its user or owner, by the tenant file. May run twice."""
    for name in list_buckets(opened.tenant, opened.buckets, in_service=True):
        opened.storage.suspend_user(naming.machine_uid(opened.tenant, name), False)
        set_suspension(opened.buckets, name, find_reason(opened.tenant))
    for part in opened.parts:
        if part.capabilities.has_buckets:
            settle_gate(part.tenant, part.platform, part.buckets, part.log)
        if part.capabilities.suspends_owner:
            uid = part.buckets.owner_uid
            if part.storage.survey_user(uid) is not None:
                part.storage.suspend_user(uid, find_reason(opened.tenant) is not None)


def list_buckets(tenant: Tenant, buckets: TenantBuckets, *, in_service: bool = False) -> list[str]:
    """Return the machines of the file with a bucket on the platform, also retired ones unless ``in_service``."""
    machines = of_buckets(tenant).active_machines() if in_service else tenant.machines
    return buckets.existing().among(machines)
