"""Writes the file of a new tenant into tenants/: checked with all others first, atomic, never over an existing file."""

import re
import shutil
import tempfile
from pathlib import Path

from coffre.errors import ExpectedError, RefusedError, UsageError
from coffre.spec.files import TENANTS_FOLDER, list_tenant_files
from coffre.spec.loader import load_checkout
from coffre.spec.naming import NAME_PATTERN
from coffre.spec.schema import SCHEMA_FILES
from coffre.spec.values.fields import NAME_RULE, name_problem


def tenant_path(root: Path, slug: str) -> Path:
    """Return the path of a new tenant's file; UsageError for an invalid name, RefusedError when it exists."""
    if not re.fullmatch(NAME_PATTERN, slug):
        raise UsageError(f"invalid name of a tenant: {name_problem(slug)}", f"Choose another: {NAME_RULE}.")
    path = root / TENANTS_FOLDER / f"{slug}.yaml"
    if path.exists() or path.is_symlink():
        raise RefusedError(
            f"{TENANTS_FOLDER}/{path.name} already exists",
            "A tenant's file is never overwritten: edit it, or give the new tenant another name.",
        )
    return path


def place_tenant(root: Path, slug: str, text: str) -> Path:
    """Write a new tenant's file and return its path; its first line names the schema when the repository has it.

    InvalidRepositoryError when it breaks a rule together with the others; RefusedError when another run was first.
    """
    path = tenant_path(root, slug)
    if (root / SCHEMA_FILES["tenant"]).is_file():
        text = f"# yaml-language-server: $schema=../{SCHEMA_FILES['tenant']}\n{text}"
    try:
        path.parent.mkdir(exist_ok=True)
        # A folder whose name begins with a dot is not a tenant's, even when an interruption leaves it behind.
        scratch = Path(tempfile.mkdtemp(prefix=".new-", dir=path.parent))
        try:
            _place(root, path, scratch / path.name, text)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    except OSError as error:
        raise ExpectedError(
            f"cannot write {TENANTS_FOLDER}/{path.name}: {(error.strerror or '').lower()}",
            "Correct that, then run the same command again; nothing was written.",
        ) from error
    return path


def _place(root: Path, path: Path, draft: Path, text: str) -> None:
    draft.write_text(text, encoding="utf-8")
    draft.chmod(0o644)
    load_checkout(root, [*list_tenant_files(root, []), draft])
    try:
        # A link and not a rename: a link fails when the file exists.
        path.hardlink_to(draft)
    except FileExistsError:
        tenant_path(root, path.stem)
        raise
