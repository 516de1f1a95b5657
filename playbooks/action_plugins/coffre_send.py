"""Sends a file to a machine piece by piece on standard input; Ansible's copy needs Python there, or much memory here.

It is checked there before it has its name, and what it is stands on no command line. It goes to a folder that only root
may enter: nobody else can read it, or put another one there.
"""

import base64
import io
import shlex
from pathlib import Path
from typing import Any, BinaryIO

from ansible.plugins.action import ActionBase

from coffre.agents.reach.placing import DAMAGED

PIECE_BYTES = 8 * 1024**2
"""What is sent at once: a thousandth of a large installer, and a small part of what Ansible may use."""

# wc and cat are everywhere; what sums a file up is not the same everywhere.
_SUM = "{ sha256sum || shasum -a 256; } 2>/dev/null"


class ActionModule(ActionBase):
    """One file; what comes back are the commands' own words, never what was sent."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = self._task.args
        result["changed"] = True
        if self._task.check_mode:
            return result
        target = str(arguments["path"])
        with _open(arguments) as content:
            done = self._send(content, f"{target}.new")
        if done["rc"] == 0:
            done = self._low_level_execute_command(
                _make_place_command(target, str(arguments["sha256"]), str(arguments["mode"]))
            )
        result |= done
        if done["rc"] != 0:
            result |= {"failed": True, "msg": "non-zero return code"}
        return result

    def _send(self, content: BinaryIO, target: str) -> dict[str, Any]:
        sent_bytes = 0
        while True:
            piece = content.read(PIECE_BYTES)
            if not piece and sent_bytes:
                return {"rc": 0}
            done: dict[str, Any] = self._low_level_execute_command(
                _make_piece_command(target, sent_bytes), in_data=piece or None
            )
            sent_bytes += len(piece)
            if done["rc"] != 0 or not piece:
                return done


def _open(arguments: dict[str, Any]) -> BinaryIO:
    if arguments.get("source"):
        return Path(arguments["source"]).open("rb")
    return io.BytesIO(base64.b64decode(arguments["content"]))


def _make_piece_command(target: str, offset_bytes: int) -> str:
    """Return the sh text that adds a piece where the last one ended; what a killed run left begins anew."""
    where = shlex.quote(target)
    if offset_bytes == 0:
        return f"umask 077; rm -f -- {where} && cat >{where}"
    return (
        f'[ "$(wc -c <{where})" -eq {offset_bytes} ] || {{ echo {shlex.quote(DAMAGED)} >&2; exit 1; }}; cat >>{where}'
    )


def _make_place_command(target: str, sha256: str, mode: str) -> str:
    """Return the sh text that gives a file its mode and its name once its SHA-256 is right."""
    new = shlex.quote(f"{target}.new")
    return (
        f'[ "$({_SUM} <{new} | cut -c 1-64)" = {shlex.quote(sha256)} ] || '
        f"{{ rm -f -- {new}; echo {shlex.quote(DAMAGED)} >&2; exit 1; }}; "
        f"chmod {shlex.quote(mode)} {new} && mv -f -- {new} {shlex.quote(target)}"
    )
