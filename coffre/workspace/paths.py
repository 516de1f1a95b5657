"""The paths of Coffre's own files: this module alone has every path below a repository's root.

All are relative to the root. platform.yaml sets the paths of state, records, secrets and documents; here are the
values that it proposes.
"""

from pathlib import Path

WORK_FOLDER = Path(".coffre")
"""Coffre's own folder; git ignores it."""

ERRORS_FOLDER = WORK_FOLDER / "errors"
"""Tracebacks of unexpected errors."""
LAB_FOLDER = WORK_FOLDER / "lab"
"""The embedded platform."""
LOCKS_FOLDER = WORK_FOLDER / "locks"
"""A file for each tenant, locked during a change."""
PULUMI_FOLDER = WORK_FOLDER / "pulumi"
"""Pulumi's working folders, one for each stack."""
PULUMI_HOME = PULUMI_FOLDER / ".home"
"""Beside the folders of stacks, whose names never begin with a dot."""

RUN_FOLDER = WORK_FOLDER / "run"
"""The temporary files of commands; those of a tenant are in a folder of its name."""
COMMAND_FOLDERS = RUN_FOLDER / ".work"
"""One locked folder for each running command, beside the folders of tenants, whose names never begin with a dot."""
STAGING_FOLDER = RUN_FOLDER / ".return-staging"
"""Bags that are built here when they cannot be built on their target."""

PROGRESS_FOLDER = WORK_FOLDER / "progress"
"""What commands over many tenants have done, until they end: the next one goes on from there."""

LAB_KEY = WORK_FOLDER / "signing" / "lab-key.pem"
LAB_CERTIFICATE = LAB_KEY.with_name("lab-certificate.pem")
"""The test key with which the embedded platform signs."""

DOCUMENTS_FOLDER = WORK_FOLDER / "documents"
RECORDS_FILE = WORK_FOLDER / "records.db"
SECRETS_FOLDER = WORK_FOLDER / "secrets"
STATE_FOLDER = WORK_FOLDER / "state"


def lock_file(root: Path, slug: str) -> Path:
    """Return the file to lock during a tenant's change."""
    return root / LOCKS_FOLDER / slug


def stack_folder(root: Path, slug: str) -> Path:
    """Return Pulumi's working folder for one stack."""
    return root / PULUMI_FOLDER / slug
