"""Refuses what nobody may do while a hold blocks every access. Pure."""

from coffre.errors import RefusedError
from coffre.spec.tenant import HoldKind, Tenant
from coffre.tenant.holds import name_reference


def refuse_while_blocked(tenant: Tenant) -> None:
    """Refuse to read or change a tenant's backups while a hold of kind block_access is in force. Pure."""
    if tenant.hold is not None and tenant.hold.kind is HoldKind.BLOCK_ACCESS:
        name = name_reference(tenant.hold.reference, is_confidential=tenant.hold.is_confidential)
        raise RefusedError(
            f"{tenant.slug} is under a hold that blocks every access ({name}, since {tenant.hold.since:%Y-%m-%d})",
            "Ask whoever ordered it. Once it is lifted, remove `hold:` from the tenant file and run `coffre apply`.",
        )
