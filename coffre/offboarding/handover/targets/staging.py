"""The local folder of a bag that cannot be built on its target: it contains a customer's unencrypted files.

It is kept no longer than needed: removed after the copy, or after a failure. After a kill, the same return continues
it; any other return, and the end of the contract, remove it.
"""

import hashlib
from pathlib import Path

from coffre.spec.leaving import Return
from coffre.workspace.paths import STAGING_FOLDER
from coffre.workspace.work_folder import remove_folder


def staging_root(root: Path, slug: str) -> Path:
    """Return the folder of all local bags of a tenant, below the root of the repository."""
    return root / STAGING_FOLDER / slug


def staging_folder(root: Path, slug: str, machine: str, wanted: Return, reference: str | None) -> Path:
    """Return the folder of a machine's bag: another one for another target, format or reason. Pure."""
    what = f"{wanted.model_dump_json()} {reference}"
    return machine_root(root, slug, machine) / hashlib.sha256(what.encode()).hexdigest()[:12]


def machine_root(root: Path, slug: str, machine: str) -> Path:
    """Return the folder of all local bags of a machine."""
    return staging_root(root, slug) / machine


def remove_others(folder: Path) -> None:
    """Remove the leftovers of the same machine's other returns."""
    if folder.parent.is_dir():
        for each in folder.parent.iterdir():
            if each != folder:
                remove_folder(each)
