"""Where a tenant's letters, attestations and certificates are kept: outside git, and beyond the end of the contract."""

from pathlib import Path

from coffre.spec.loader import Repository
from coffre.spec.tenant import Tenant
from coffre.workspace.files import PRIVATE_FOLDER


def tenant_folder(repository: Repository, tenant: Tenant) -> Path:
    """Return the folder of a tenant's documents, made when missing; its id is in the name, for a slug may return."""
    folder = repository.root / repository.settings.offboarding.documents / f"{tenant.slug}-{tenant.id}"
    folder.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
    return folder
