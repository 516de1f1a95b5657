"""Where a tenant's letters, attestations and certificates are kept: outside git, and beyond the end of the contract."""

import os
from pathlib import Path

from coffre.tenant.service import Service


def tenant_folder(service: Service) -> Path:
    """Return the folder of a tenant's documents, made when missing; its id is in the name, for a slug may return."""
    settings = service.repository.settings.offboarding
    folder = service.repository.root / settings.documents / f"{service.tenant.slug}-{service.tenant.id}"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def write_document(path: Path, content: bytes) -> None:
    """Write a document whole or not at all, for its owner alone."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    unfinished.touch(mode=0o600)
    with unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
