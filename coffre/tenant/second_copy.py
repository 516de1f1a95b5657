"""A tenant's second copy by its file and by the records: a file that no longer names it erases nothing."""

from coffre.errors import RefusedError, UsageError
from coffre.records.facts.contract import SecondCopyChange
from coffre.spec.tenant import Tenant
from coffre.tenant.estate.log import Log, fact_of
from coffre.tenant.opening import OpenTenant


def get_copied(opened: OpenTenant) -> OpenTenant:
    """Return the tenant on the platform of its copy; UsageError for a tenant without one."""
    copied = opened.second_copy
    if copied is None:
        raise UsageError(
            f"{opened.tenant.slug} has no second copy",
            "Write `copy: {platform: NAME}` under `storage:` of its file and run `coffre apply`.",
        )
    return copied


def find_copy_platform(log: Log) -> str | None:
    """Return the platform that has storage of the copy; None without a copy."""
    recorded = fact_of(log.last(SecondCopyChange))
    return None if recorded is None else recorded.platform


def record_copy_platform(log: Log, tenant: Tenant, platform: str) -> None:
    """Record the platform that has storage of the copy now, when it is new."""
    if find_copy_platform(log) != platform:
        log.append(SecondCopyChange(platform, tuple(each.reference for each in tenant.contract.amendments)))


def refuse_moved_copy(tenant: Tenant, platform: str | None) -> None:
    """Refuse a file that no longer names the platform where the tenant's copy is. Pure."""
    wanted = tenant.storage.second_copy
    if platform is None or tenant.is_copy or (wanted is not None and wanted.platform == platform):
        return
    names = "names no copy" if wanted is None else f"names {wanted.platform}"
    raise RefusedError(
        f"{tenant.slug}: its second copy is on {platform}, but the file {names}",
        f"Write `copy: {{platform: {platform}}}` under `storage:` again; nothing was changed. The copy is erased with "
        "the tenant's own backups, at the end of the contract.",
    )
