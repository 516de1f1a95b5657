"""Where the repository is."""

from pathlib import Path

from coffre.errors import UsageError


def find_root(given: Path | None) -> Path:
    """Return the folder that holds platform.yaml: the one given, or the nearest from here upwards."""
    start = (given or Path.cwd()).resolve()
    candidates = [start] if given is not None else [start, *start.parents]
    for folder in candidates:
        if (folder / "platform.yaml").is_file():
            return folder
    raise UsageError(
        f"no platform.yaml in {start}" + ("" if given else " or above"),
        "Run the command in the repository that holds platform.yaml and tenants/, or name it with --root DIR.",
    )
