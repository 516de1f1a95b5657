"""Whether a tenant's storage is there at all: asked before anything signs with a key that nobody would know."""

from collections.abc import Collection

from coffre.errors import RefusedError
from coffre.operations.departure import find_stage_of
from coffre.operations.service import Service
from coffre.operations.stage import AFTER_ERASURE
from coffre.records.events import EventKind

_LEFT_TRACES = (EventKind.COMMISSIONED, EventKind.ORDERS_WRITTEN, EventKind.ORDERS, EventKind.INSTALL)


def refuse_unapplied(service: Service, machines: Collection[str]) -> None:
    """Refuse work on machines without storage, and with none named on a tenant without any.

    It was never applied, or is erased, or its platform was lost: RefusedError says which, by the records, and what to
    do.
    """
    tenant, platform = service.tenant, service.tenant.storage.platform
    owned = service.storage.list_owned_buckets(service.owner_uid)
    missing = [name for name in machines if service.bucket_name(name) not in owned]
    if owned and not missing:
        return
    apply = f"coffre apply {tenant.slug}"
    if not owned:
        if find_stage_of(service) in AFTER_ERASURE:
            raise RefusedError(
                f"{tenant.slug} has left: its backups are erased, and {platform} holds nothing of it any more",
                f"`coffre offboard {tenant.slug} --plan` says what was done and what comes next.",
            )
        if _has_trace(service, *_LEFT_TRACES):
            raise RefusedError(
                f"{platform} holds nothing of {tenant.slug}, which was applied there",
                "`coffre platform check` says whether it is the same platform. When it is lost for good: "
                f"`{apply} --platform-lost --reason TEXT`.",
            )
        raise RefusedError(f"{tenant.slug} was never applied: {platform} holds nothing of it", f"Run `{apply}` first.")
    if not missing:
        return
    gone = [name for name in missing if _has_trace(service, *_LEFT_TRACES, machine=name)]
    if gone:
        raise RefusedError(
            f"{tenant.slug}: {platform} has no bucket of {', '.join(gone)} any more",
            f"Find out who deleted it: `coffre status {tenant.slug}` says what was seen last.",
        )
    were = "was" if len(missing) == 1 else "were"
    raise RefusedError(f"{tenant.slug}: {', '.join(missing)} {were} never applied", f"Run `{apply}` first.")


def _has_trace(service: Service, *kinds: EventKind, machine: str | None = None) -> bool:
    records = service.find_records()
    if records is None:
        return False
    return any(records.has(service.tenant.id, kind, machine) for kind in kinds)
