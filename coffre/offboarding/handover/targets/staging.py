"""Where a bag is made here when its target cannot take it while it is made: a customer's files, in plain.

Kept no longer than needed: gone once it was carried over, or failed; what a kill leaves is gone on with by the same
return, and removed by any other one and at the end of the contract.
"""

import hashlib
from pathlib import Path

from coffre.spec.leaving import Return
from coffre.workspace.paths import STAGING_FOLDER
from coffre.workspace.work_folder import remove_folder


def staging_root(root: Path, slug: str) -> Path:
    """Return the folder that has all of a tenant's, below the root of the repository."""
    return root / STAGING_FOLDER / slug


def staging_folder(root: Path, slug: str, machine: str, wanted: Return, reference: str | None) -> Path:
    """Return where a machine's bag is made: another folder for another target, form or reason. Pure."""
    what = f"{wanted.model_dump_json()} {reference}"
    return machine_root(root, slug, machine) / hashlib.sha256(what.encode()).hexdigest()[:12]


def machine_root(root: Path, slug: str, machine: str) -> Path:
    """Return the folder that has all of a machine's."""
    return staging_root(root, slug) / machine


def remove_others(folder: Path) -> None:
    """Remove what returns of the same machine have left that are not the one made in this folder."""
    if folder.parent.is_dir():
        for each in folder.parent.iterdir():
            if each != folder:
                remove_folder(each)
