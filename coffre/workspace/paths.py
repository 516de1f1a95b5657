"""Where Coffre keeps what is its own: every path below a repository's root is spelled here, and nowhere else.

All are relative to the root. Where state, records, secrets and documents are is for platform.yaml to say; what stands
here of them is what it proposes.
"""

from pathlib import Path

WORK_FOLDER = Path(".coffre")
"""What is ours alone; git ignores it."""

ERRORS_FOLDER = WORK_FOLDER / "errors"
"""Tracebacks of what should not happen."""
LAB_FOLDER = WORK_FOLDER / "lab"
"""The embedded platform."""
LOCKS_FOLDER = WORK_FOLDER / "locks"
"""A file for each tenant, locked for the length of a change."""
PULUMI_FOLDER = WORK_FOLDER / "pulumi"
"""Where Pulumi works, in a folder of its own for each stack."""
PULUMI_HOME = PULUMI_FOLDER / ".home"
"""Beside the folders of stacks, whose names never begin with a point."""

RUN_FOLDER = WORK_FOLDER / "run"
"""Where a command keeps what only lives as long as itself; a tenant's things in a folder of its name."""
COMMAND_FOLDERS = RUN_FOLDER / ".work"
"""One locked folder for each command that runs, beside the folders of tenants, whose names never begin with a point."""
STAGING_FOLDER = RUN_FOLDER / ".return-staging"
"""Bags that are made here when their target cannot take them while they are made."""

LAB_KEY = WORK_FOLDER / "signing" / "lab-key.pem"
LAB_CERTIFICATE = LAB_KEY.with_name("lab-certificate.pem")
"""The trial key that the embedded platform signs with."""

DOCUMENTS_FOLDER = WORK_FOLDER / "documents"
RECORDS_FILE = WORK_FOLDER / "records.db"
SECRETS_FOLDER = WORK_FOLDER / "secrets"
STATE_FOLDER = WORK_FOLDER / "state"


def lock_file(root: Path, slug: str) -> Path:
    """Return the file that is locked for the length of a tenant's change."""
    return root / LOCKS_FOLDER / slug


def stack_folder(root: Path, slug: str) -> Path:
    """Return the folder in which Pulumi works for one stack."""
    return root / PULUMI_FOLDER / slug
