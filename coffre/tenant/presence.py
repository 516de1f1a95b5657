"""Tells whether a tenant's storage exists: checked before a request is signed with a key that no platform knows."""

from collections.abc import Collection, Mapping
from enum import StrEnum

from coffre.agents.kinds import find_statement, with_bucket
from coffre.errors import RefusedError
from coffre.records.facts.agents import Install, OrdersIssued, OrdersWritten
from coffre.records.facts.contract import Commissioned
from coffre.spec.access import HELD, find_reason
from coffre.spec.parts import of_buckets
from coffre.spec.tenant import Tenant
from coffre.tenant.departure import AFTER_ERASURE, find_stage
from coffre.tenant.estate.buckets import TenantBuckets
from coffre.tenant.estate.log import Log

_LEFT_TRACES = (Commissioned, OrdersWritten, OrdersIssued, Install)


def refuse_unapplied(tenant: Tenant, buckets: TenantBuckets, log: Log, machines: Collection[str]) -> None:
    """Refuse work on machines without storage; when none is named, refuse a tenant without any storage.

    The tenant was never applied, or is erased, or its platform was lost: RefusedError says which, from the records,
    and what to do.
    """
    in_need = with_bucket(of_buckets(tenant).machines)
    elsewhere = [name for name in machines if name not in in_need]
    if elsewhere:
        kinds = sorted({tenant.machines[name].agent.value for name in elsewhere})
        statement = find_statement(tenant.machines[elsewhere[0]])
        raise RefusedError(
            f"{tenant.slug}: {', '.join(elsewhere)} keeps no backups on {tenant.storage.platform} "
            f"(`agent: {', '.join(kinds)}`)",
            f"{statement.guide} says what to do instead." if statement else "Use the tools of the agent's own vendor.",
        )
    missing = _list_missing(tenant, buckets, log, machines)
    if missing:
        raise _explain(tenant, log, missing)


class PassedOver(StrEnum):
    """Why a command over all tenants passes one over: nothing of it can be read, and nothing is wrong."""

    NEVER_APPLIED = "never_applied"
    LEFT = "left"
    """Its backups are erased."""
    HELD = "hold"
    """A hold blocks every access."""


def find_passed_over(tenant: Tenant, log: Log) -> PassedOver | None:
    """Return why a command over all tenants passes one over, by its file and the records; None when it does not."""
    if find_stage(log) in AFTER_ERASURE:
        return PassedOver.LEFT
    if not log.has(_LEFT_TRACES):
        return PassedOver.NEVER_APPLIED
    return PassedOver.HELD if find_reason(tenant) == HELD else None


def find_unapplied(
    tenant: Tenant, buckets: TenantBuckets, log: Log, machines: Collection[str]
) -> Mapping[str, RefusedError]:
    """Return the machines among these without storage, each with the reason: the tenant's other machines can go on.

    RefusedError when none of them has storage: then no machine can go on.
    """
    missing = _list_missing(tenant, buckets, log, machines)
    if missing and len(missing) == len(machines):
        raise _explain(tenant, log, missing)
    return {name: _explain(tenant, log, [name]) for name in missing}


def _list_missing(tenant: Tenant, buckets: TenantBuckets, log: Log, machines: Collection[str]) -> list[str]:
    """Return the machines among these that lack their bucket; RefusedError when the tenant has no bucket at all."""
    existing, in_need = buckets.existing(), with_bucket(of_buckets(tenant).machines)
    if in_need and not existing:
        raise _without_any(tenant, log)
    return [name for name in machines if name in in_need and not existing.has(name)]


def _without_any(tenant: Tenant, log: Log) -> RefusedError:
    platform = tenant.storage.platform
    apply = f"coffre apply {tenant.slug}"
    if find_stage(log) in AFTER_ERASURE:
        return RefusedError(
            f"{tenant.slug} has left: its backups are erased, and {platform} has no data of it any more",
            f"`coffre offboard {tenant.slug} --plan` shows what was done and what comes next.",
        )
    if tenant.is_copy:
        return _without_copy(tenant)
    if log.has(_LEFT_TRACES):
        return RefusedError(
            f"{platform} has no storage of {tenant.slug}, although the tenant was applied there",
            "Check with `coffre platform check` that it is the same platform. If the platform is lost for good, run "
            f"`{apply} --platform-lost --reason TEXT`.",
        )
    return RefusedError(f"{tenant.slug} was never applied: {platform} has no storage of it", f"Run `{apply}` first.")


def _explain(tenant: Tenant, log: Log, missing: Collection[str]) -> RefusedError:
    """Say why machines of a tenant with storage have none: a lost bucket is reported first."""
    slug, platform = tenant.slug, tenant.storage.platform
    if tenant.is_copy:
        return _without_copy(tenant, missing)
    gone = [name for name in missing if log.has(_LEFT_TRACES, name)]
    if gone:
        return RefusedError(
            f"{slug}: {platform} no longer has the bucket of {', '.join(gone)}",
            f"Find out who deleted it: `coffre status {slug}` shows what was seen last.",
        )
    were = "was" if len(missing) == 1 else "were"
    return RefusedError(f"{slug}: {', '.join(missing)} {were} never applied", f"Run `coffre apply {slug}` first.")


def _without_copy(tenant: Tenant, machines: Collection[str] = ()) -> RefusedError:
    of = f" for {', '.join(machines)}" if machines else ""
    return RefusedError(
        f"{tenant.slug}: {tenant.storage.platform} has no storage of its second copy{of}",
        f"Run `coffre apply {tenant.slug}` first. If it was there before, find out who deleted it.",
    )
