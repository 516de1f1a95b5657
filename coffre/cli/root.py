"""Finds the repository."""

import contextlib
from pathlib import Path

from coffre.errors import UsageError


def find_root(given: Path | None) -> Path:
    """Return the folder that holds platform.yaml: the given one, or the nearest one above the current folder."""
    try:
        start = (given or Path.cwd()).resolve()
    except FileNotFoundError:
        raise UsageError(
            "the current folder no longer exists",
            "Change to the repository that holds platform.yaml and tenants/, then run it again.",
        ) from None
    candidates = [start] if given is not None else [start, *start.parents]
    for folder in candidates:
        # A folder that this user cannot read is not his repository.
        with contextlib.suppress(PermissionError):
            if (folder / "platform.yaml").is_file():
                return folder
    raise UsageError(
        f"no platform.yaml in {start}" + ("" if given else " or above"),
        "Run the command in the repository that holds platform.yaml and tenants/, or name it with --root DIR.",
    )
