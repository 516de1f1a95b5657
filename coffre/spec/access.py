"""Why the machines of a tenant have no access to its backups, according to its file alone. Pure."""

from coffre.spec.tenant import HoldKind, Tenant, TenantStatus

SUSPENDED, HELD, LEFT = "suspended", "hold", "leaving"
"""The reason, as `control/gate.json` gives it to a machine."""


def find_reason(tenant: Tenant) -> str | None:
    """Return why a tenant file blocks the access of its machines; None when it does not. Pure."""
    if tenant.hold is not None and tenant.hold.kind is HoldKind.BLOCK_ACCESS:
        return HELD
    return SUSPENDED if tenant.status is TenantStatus.SUSPENDED else None
