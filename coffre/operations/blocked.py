"""A hold that blocks access: then nobody reads a tenant's backups, SMILÉO neither."""

from coffre.errors import RefusedError
from coffre.spec.tenant import HoldKind, Tenant


def refuse_while_blocked(tenant: Tenant) -> None:
    """Refuse to read or change a tenant's backups while a hold of kind block_access stands. Pure."""
    if tenant.hold is not None and tenant.hold.kind is HoldKind.BLOCK_ACCESS:
        raise RefusedError(
            f"{tenant.slug} is under a hold that blocks every access ({tenant.hold.reference}, since "
            f"{tenant.hold.since:%Y-%m-%d})",
            "Ask whoever ordered it; when it is lifted, take `hold:` out of the tenant file and run `coffre apply`.",
        )
