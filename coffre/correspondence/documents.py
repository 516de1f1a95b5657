"""The folders of letters, attestations and certificates: outside git, and kept after the end of the contract."""

from pathlib import Path

from coffre.spec.loader import Checkout
from coffre.spec.tenant import Tenant
from coffre.workspace.files import PRIVATE_FOLDER


def tenant_folder(checkout: Checkout, tenant: Tenant) -> Path:
    """Return the folder of a tenant's documents, created if missing; its name has the id: a slug may be reused."""
    folder = checkout.root / checkout.settings.offboarding.documents / f"{tenant.slug}-{tenant.id}"
    folder.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
    return folder
