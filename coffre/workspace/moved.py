"""The mark in a folder whose content was moved elsewhere: nobody goes on with what stays."""

import json
from datetime import datetime
from pathlib import Path

from coffre.errors import RefusedError
from coffre.workspace.files import write_atomically

MARK = "moved.json"


def mark_moved(folder: Path, to: str, at: datetime) -> None:
    """Mark a folder as moved; its content stays. May run twice."""
    if find_moved(folder) is None:
        write_atomically(folder / MARK, json.dumps({"to": to, "at": at.isoformat()}).encode() + b"\n")


def find_moved(folder: Path) -> str | None:
    """Return where a folder's content was moved; None when it was not."""
    try:
        return str(json.loads((folder / MARK).read_bytes())["to"])
    except (FileNotFoundError, NotADirectoryError):
        return None


def refuse_moved(folder: Path, shown: str) -> None:
    """Refuse a folder that was moved."""
    to = find_moved(folder)
    if to is not None:
        raise moved_error(shown, to)


def moved_error(shown: str, to: str) -> RefusedError:
    """Return the refusal of something that was moved."""
    return RefusedError(
        f"{shown} was moved to {to}: what is here is old",
        "Bring platform.yaml up to date (git pull), then run the same command again: docs/team.md.",
    )
