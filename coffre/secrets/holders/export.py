"""Exports a tenant's two bundles to one file for other age keys: encrypted in memory, never unencrypted on disk."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import SecretStr

from coffre.errors import RefusedError, UsageError
from coffre.secrets import age, files
from coffre.secrets.bundles import ControlBundle, DataBundle, to_document
from coffre.workspace.files import write_atomically

EXPORT_VERSION = 1


def check_export(path: Path, recipients: Sequence[str]) -> None:
    """Refuse an export that cannot be written or opened, before anything is recorded."""
    if not recipients:
        raise UsageError("the export has no recipient", "Name at least one age key: --recipient age1….")
    for key in recipients:
        if key.upper().startswith(age.SECRET_KEY_PREFIX):
            raise UsageError(
                "--recipient names a private key instead of a public one",
                "It is in this shell's history now: make another key, and name its public half (age1…).",
            )
        if not age.is_recipient(key):
            raise UsageError("--recipient is not an age X25519 recipient", "A public key starts with age1.")
    if path.exists() or path.is_symlink():
        raise RefusedError(f"{path} already exists", "Name a new file; nothing is overwritten.")
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise UsageError(f"no file can be created in {path.parent}", "Name a file in an existing folder.")


def seal_export(
    slug: str, control: ControlBundle, passwords: Mapping[str, SecretStr], recipients: Sequence[str]
) -> bytes:
    """Return the control bundle and the opened passwords as one JSON document, encrypted for ``recipients``."""
    data = DataBundle(tenant_id=control.tenant_id)
    document = {
        "version": EXPORT_VERSION,
        "tenant": slug,
        "tenant_id": data.tenant_id,
        control.kind: json.loads(to_document(control)),
        data.kind: {
            **json.loads(to_document(data)),
            "repository_passwords": {machine: value.get_secret_value() for machine, value in passwords.items()},
        },
    }
    return age.seal((json.dumps(document, indent=1) + "\n").encode(), recipients)


def write_export(path: Path, sealed: bytes) -> None:
    """Write the encrypted file atomically, readable by its owner only."""
    with files.explained(f"write {path}"):
        write_atomically(path, sealed)
