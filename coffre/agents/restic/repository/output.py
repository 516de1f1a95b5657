"""Reads the output of restic 0.18 with --json as plain values. Pure."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from coffre.agents.repository import Node, OddSnapshot, RestoreSummary, Snapshot, SnapshotList
from coffre.errors import RemoteError
from coffre.outside.faults import Fault
from coffre.outside.times import check_time

# The characters of restic's patterns; in a path each means the character itself.
_PATTERN_CHARACTERS = re.compile(r"([\\*?\[\]])")

# Go stores these outside the permission bits (io/fs, FileMode).
_GO_MODE_BITS = {1 << 23: 0o4000, 1 << 22: 0o2000, 1 << 20: 0o1000}

MAX_HOST_LENGTH = 1024
SNAPSHOT_ID = re.compile("[0-9a-f]{8,64}")

# Lines are many, and of any length up to the reader's limit: only faults that would break a reader are checked here.
_LINES = json.JSONDecoder()


class OddOutputError(RemoteError):
    """The output is not restic's: another program is in its place, or a modified one."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"restic printed something that is not a valid {what}",
            "Check that this computer has the restic that `make setup` installed.",
        )


def read_line(line: str) -> dict[str, Any]:
    """Return one line of output as an object; empty for a line that is no JSON object."""
    try:
        value = _LINES.decode(line)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def read_snapshot(fields: Mapping[str, Any], now: datetime) -> Snapshot | OddSnapshot:
    """Read one element of `snapshots --json`; its content comes from the machine, its id from restic."""
    snapshot_id = fields.get("id")
    if not isinstance(snapshot_id, str) or SNAPSHOT_ID.fullmatch(snapshot_id) is None:
        raise OddOutputError("snapshot")
    host, paths = fields.get("hostname", ""), fields.get("paths") or []
    if not isinstance(host, str) or len(host) > MAX_HOST_LENGTH:
        return OddSnapshot(snapshot_id, Fault.UNREADABLE, "hostname")
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        return OddSnapshot(snapshot_id, Fault.UNREADABLE, "paths")
    tags = fields.get("tags") or []
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        return OddSnapshot(snapshot_id, Fault.UNREADABLE, "tags")
    try:
        taken_at = check_time(read_time(fields.get("time")), now)
    except ValueError:
        return OddSnapshot(snapshot_id, Fault.UNBELIEVABLE_TIME, "time")
    return Snapshot(snapshot_id, taken_at, host, tuple(paths), tuple(tags), read_run(fields.get("summary")))


def read_run(summary: object) -> timedelta | None:
    """Return how long a backup took by its summary, which the machine wrote; None without usable times."""
    if not isinstance(summary, Mapping):
        return None
    try:
        return read_time(summary.get("backup_end")) - read_time(summary.get("backup_start"))
    except ValueError:
        return None


def read_snapshots(text: str, now: datetime) -> SnapshotList:
    """Read the complete output of `snapshots --json`."""
    try:
        elements = _LINES.decode(text or "[]") or []
    except (ValueError, RecursionError):
        raise OddOutputError("list of snapshots") from None
    if not isinstance(elements, list) or not all(isinstance(each, dict) for each in elements):
        raise OddOutputError("list of snapshots")
    found = [read_snapshot(fields, now) for fields in elements]
    usable = sorted((each for each in found if isinstance(each, Snapshot)), key=lambda each: (each.taken_at, each.id))
    return SnapshotList(tuple(usable), tuple(each for each in found if isinstance(each, OddSnapshot)))


def read_node(fields: Mapping[str, Any]) -> Node:
    """Read one node line of `ls --json`; OddOutputError for a line that restic does not print."""
    mode = _number(fields, "mode", 2**32)
    permissions = mode & 0o777 | sum(bit for go_bit, bit in _GO_MODE_BITS.items() if mode & go_bit)
    owner = (_number(fields, "uid", 2**32), _number(fields, "gid", 2**32))
    words = (fields.get("path"), fields.get("type"), fields.get("mtime", ""))
    path, kind, mtime = words
    if not isinstance(path, str) or not isinstance(kind, str) or not isinstance(mtime, str):
        raise OddOutputError("entry")
    return Node(path, kind, _number(fields, "size", 2**64), permissions, *owner, mtime)


def read_restore_summary(fields: Mapping[str, Any]) -> RestoreSummary:
    """Read the last line of `restore --json`."""
    return RestoreSummary(_number(fields, "files_restored", 2**64), _number(fields, "bytes_restored", 2**64))


def read_size(fields: Mapping[str, Any]) -> int:
    """Return the size of the file in a line of `restore --verbose --json`."""
    return _number(fields, "size", 2**64)


def read_fraction(fields: Mapping[str, Any]) -> float:
    """Return the completed part in a status line, 0 to 1."""
    done = fields.get("percent_done", 0.0)
    return float(min(max(done, 0), 1)) if isinstance(done, int | float) and done == done else 0.0


def _number(fields: Mapping[str, Any], name: str, limit: int) -> int:
    value = fields.get(name, 0)
    if type(value) is not int or not 0 <= value < limit:
        raise OddOutputError(name)
    return value


def read_time(text: object) -> datetime:
    """Read restic's time, which has nanoseconds; the result is UTC. ValueError for a time outside Python's calendar."""
    if not isinstance(text, str):
        raise ValueError("no time")  # noqa: TRY004 - one error for every value that is no time
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except OverflowError:
        raise ValueError("a time outside of the calendar") from None


def exact_pattern(path: str) -> str:
    """Return the restic pattern for this path and everything below it, and nothing else."""
    return _PATTERN_CHARACTERS.sub(r"\\\1", path)
