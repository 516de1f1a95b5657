"""Hatch's hook for wheels: puts the programs for machines, which tools/wheel.sh has staged, into the wheel.

Without COFFRE_WHEEL_PROGRAMS a wheel has none: its computer then needs restic and coffre-agent on PATH.
"""

import hashlib
import os
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SUMS = "SHA256SUMS"
TARGET = "coffre/bundled/programs"


class ProgramsHook(BuildHookInterface[Any]):
    """Takes a folder of OS-ARCH/PROGRAM with SHA256SUMS: exactly the listed files, each with its hash."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the staged programs; an editable installation is a checkout, which has its own."""
        staged = os.environ.get("COFFRE_WHEEL_PROGRAMS")
        if staged is None or version == "editable":
            return
        folder = Path(staged)
        for name in (SUMS, *check(folder)):
            build_data["force_include"][str(folder / name)] = f"{TARGET}/{name}"


def check(folder: Path) -> list[str]:
    """Return the staged programs by their names in the folder; ValueError unless they are exactly what SUMS says."""
    noted = dict(reversed(line.split(maxsplit=1)) for line in (folder / SUMS).read_text(encoding="utf-8").splitlines())
    found = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file() and path.name != SUMS}
    if not found or found.keys() != noted.keys():
        raise ValueError(f"{folder}: {SUMS} lists {sorted(noted)}, and there are {sorted(found)}")
    for name, path in found.items():
        with path.open("rb") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() != noted[name]:
                raise ValueError(f"{path} is not what {SUMS} says")
    return sorted(found)
