"""Puts folders, files and links on a machine by one command; Ansible's copy takes a dozen for each file.

It needs no Python there and no folder for temporary files, and no secret is on a disk before it is in its place.
"""

import base64
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from coffre.agents.reach.placing import PlacedFile, Placement, make_archive, make_command

MODE_BASE = 8


class ActionModule(ActionBase):
    """One placement; what comes back of it are the command's own words, never what was sent."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = self._task.args
        result["changed"] = True
        if self._task.check_mode:
            return result
        placement = Placement(
            folders={each["path"]: int(each["mode"], MODE_BASE) for each in arguments.get("folders", [])},
            files=[_read(each) for each in arguments.get("files", [])],
            links={each["path"]: each["target"] for each in arguments.get("links", [])},
        )
        result |= self._low_level_execute_command(make_command(placement), in_data=make_archive(placement) or None)
        if result["rc"] != 0:
            result |= {"failed": True, "msg": "non-zero return code"}
        return result


def _read(file: dict[str, str]) -> PlacedFile:
    """Take a file as the role names it: with its content in base64, or where it is on this computer."""
    content = Path(file["source"]).read_bytes() if "source" in file else base64.b64decode(file["content"])
    return PlacedFile(file["path"], int(file["mode"], MODE_BASE), file["sha256"], content)
