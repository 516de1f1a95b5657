"""What restic 0.18 prints with --json, as plain values; and what its exit codes mean. Pure."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

# The characters of restic's patterns; a path that holds one means the character itself.
_PATTERN_CHARACTERS = re.compile(r"([\\*?\[\]])")

# Go keeps these apart from the permission bits (io/fs, FileMode).
_GO_MODE_BITS = {1 << 23: 0o4000, 1 << 22: 0o2000, 1 << 20: 0o1000}

MAX_DETAILS = 3

EXIT_MEANINGS: Mapping[int, tuple[str, str]] = {
    1: ("restic failed", "Reading changes nothing in the repository: once that is put right, run the command again."),
    3: ("some files could not be read", "Everything else was; look at the files that are named."),
    10: ("there is no restic repository there", "Run `coffre apply`: it makes the repository of a new machine."),
    11: ("the repository is locked by another restic", "Wait for that run to end and try again."),
    12: (
        "the repository password is wrong",
        "The data bundle is not the one that the repository was made with: restore it from escrow, make no new one.",
    ),
    97: ("there is no cage", "The cage's own message says what is missing."),
}


@dataclass(frozen=True)
class Snapshot:
    """One snapshot: its full id, when it was taken by the machine's clock, and what of."""

    id: str
    taken_at: datetime
    host: str
    paths: tuple[str, ...]


@dataclass(frozen=True)
class Node:
    """One entry of a snapshot; ``type`` is file, dir, symlink, …; ``path`` is absolute.

    restic writes each byte that is no UTF-8 as U+FFFD in ``path``. ``mode`` has Unix's permission bits; ``mtime`` is
    restic's own text, with nanoseconds and offset.
    """

    path: str
    type: str
    size_bytes: int
    mode: int = 0
    uid: int = 0
    gid: int = 0
    mtime: str = ""


@dataclass(frozen=True)
class RestoreSummary:
    """What a restore brought back; files are entries of any type that restic counts."""

    files: int
    restored_bytes: int


def read_line(line: str) -> dict[str, Any]:
    """Return one line of output as an object; empty for anything that is no JSON object."""
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def read_snapshot(fields: Mapping[str, Any]) -> Snapshot:
    """Read one element of `snapshots --json`."""
    return Snapshot(
        fields["id"], read_time(fields["time"]), fields.get("hostname", ""), tuple(fields.get("paths") or ())
    )


def read_node(fields: Mapping[str, Any]) -> Node:
    """Read one node line of `ls --json`."""
    mode = fields.get("mode", 0)
    permissions = mode & 0o777 | sum(bit for go_bit, bit in _GO_MODE_BITS.items() if mode & go_bit)
    owner = (fields.get("uid", 0), fields.get("gid", 0))
    return Node(fields["path"], fields["type"], fields.get("size", 0), permissions, *owner, fields.get("mtime", ""))


def read_restore_summary(fields: Mapping[str, Any]) -> RestoreSummary:
    """Read the last line of `restore --json`."""
    return RestoreSummary(fields.get("files_restored", 0), fields.get("bytes_restored", 0))


def read_time(text: str) -> datetime:
    """Read restic's time, which has nanoseconds; the answer is UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


def explain_exit(code: int, stderr: Iterable[str]) -> tuple[str, str]:
    """Return what an exit code means as a sentence without its full stop, restic's own reason included, and a hint."""
    meaning, hint = EXIT_MEANINGS.get(code, (f"restic ended with {code}", "Run the command again."))
    conclusion, details = _reasons(stderr)
    # The first details are the cause; what follows them is restic's advice.
    reasons = [*conclusion, *details[:MAX_DETAILS]]
    return (f"{meaning}: {'; '.join(reasons)}" if reasons else meaning), hint


def exact_pattern(path: str) -> str:
    """Return the restic pattern that means this path and what is below it, nothing else."""
    return _PATTERN_CHARACTERS.sub(r"\\\1", path)


def _reasons(stderr: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return restic's concluding error and what it said before, each text once and as one line."""
    conclusion: dict[str, None] = {}
    details: dict[str, None] = {}
    for line in stderr:
        fields = read_line(line)
        kind = fields.get("message_type")
        if kind == "error":
            text = f"{fields.get('item', '')}: {_error_text(fields)}".removeprefix(": ")
        else:
            text = str(fields.get("message", "")) if fields else line
        text = " ".join(text.split()).removeprefix("Fatal: ")
        if text:
            (conclusion if kind == "exit_error" else details).setdefault(text)
    return list(conclusion), list(details)


def _error_text(fields: Mapping[str, Any]) -> str:
    error = fields.get("error")
    return str(error.get("message", "")) if isinstance(error, Mapping) else str(fields.get("message") or error or "")
