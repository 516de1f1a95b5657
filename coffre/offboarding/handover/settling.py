"""Turns restored snapshots into a payload for a manifest, only from the tag file of entries: may run twice."""

import base64
import contextlib
import json
import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from coffre.offboarding.handover.bag.layout import DATA, ENTRIES, LONG_PATHS
from coffre.outside.beneath import Beneath

_FOLDER_BITS, _FILE_BITS = 0o700, 0o400
_FIRST_NS, _LAST_NS = -(2**63), 2**63 - 1
"""The times that restic sets correctly, 1677 to 2262: for others it sets a wrong one."""


def settle(bag: Path) -> None:
    """Remove from the payload what a manifest cannot list, and rename entries with an unaccepted name.

    Everything is in the tag file. Folders keep their modification time. No link is followed.
    """
    with Beneath(bag) as below:
        moves, emptied, touched = _clear(bag, below)
        _move_long_paths(below, moves)
        for folder in reversed(emptied):
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                below.remove_folder(folder)
        # A folder comes before its content: in reverse order, no path contains a renamed folder.
        for restored, stored in reversed(moves):
            target = os.path.join(os.path.dirname(restored), os.path.basename(stored))
            if restored != target and below.find(restored) is not None:
                below.rename(restored, target)
        for fields in read_lines(bag):
            is_changed = fields["type"] == "dir" and restored_path(fields) in touched
            if "range_sous" in fields and (is_changed or not _FIRST_NS <= nanoseconds(fields["modifie"]) <= _LAST_NS):
                with contextlib.suppress(OSError):  # the disk does not accept every time; the tag file has them all
                    set_time(below, fields)


def _clear(bag: Path, below: Beneath) -> tuple[list[tuple[bytes, bytes]], list[bytes], set[bytes]]:
    """Unlink the entries that the payload does not keep.

    Returns the entries to move, the folders that become empty and are removed, and the changed folders.
    """
    moves: list[tuple[bytes, bytes]] = []
    emptied: list[bytes] = []
    touched: set[bytes] = set()
    for fields in read_lines(bag):
        restored = restored_path(fields)
        if "range_sous" not in fields and fields["type"] == "dir":
            emptied.append(restored)
            touched.add(os.path.dirname(restored))
        elif "range_sous" not in fields or "hors_place" in fields:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                below.unlink(restored)
            touched.add(os.path.dirname(restored))
        elif "restaure_sous_base64" in fields:
            moves.append((restored, fields["range_sous"].encode()))
            touched.add(os.path.dirname(restored))
    return moves, emptied, touched


def _move_long_paths(below: Beneath, moves: list[tuple[bytes, bytes]]) -> None:
    place = LONG_PATHS.encode()
    for restored, stored in moves:
        if stored.startswith(place + b"/") and below.find(restored) is not None:
            below.make_folder(place)
            below.rename(restored, stored)
    moves[:] = [move for move in moves if not move[1].startswith(place + b"/")]


def set_time(below: Beneath, fields: dict[str, Any]) -> None:
    """Set the modification time of an entry's file in the bag."""
    below.set_time(fields["range_sous"].encode(), nanoseconds(fields["modifie"]))


def list_stored_files(bag: Path) -> Iterator[str]:
    """Yield the path in the bag of every file of the payload."""
    for fields in read_lines(bag):
        if fields["type"] == "file" and "range_sous" in fields:
            yield fields["range_sous"]


def read_lines(bag: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines of the tag file of entries."""
    with (bag / ENTRIES).open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def restored_path(fields: dict[str, Any]) -> bytes:
    """Return restic's place of an entry in the bag. Pure."""
    if "restaure_sous_base64" in fields:
        return base64.b64decode(fields["restaure_sous_base64"])
    folder = fields.get("instantane", "").encode()
    path = base64.b64decode(fields["chemin_base64"]) if "chemin_base64" in fields else fields["chemin"].encode()
    return b"/".join([DATA.encode(), *([folder] if folder else []), path.removeprefix(b"/")])


def nanoseconds(moment: str) -> int:
    """Read restic's time as nanoseconds since 1970; 0 for one outside the calendar. Pure."""
    whole, _, rest = moment.partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    zone = rest[len(digits) :] if rest else ""
    try:
        seconds = datetime.fromisoformat(whole + zone).astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    except (ValueError, OverflowError):
        return 0  # A machine may date a file to the year 0; the tag file keeps that date.
    return (seconds.days * 86400 + seconds.seconds) * 10**9 + int(digits.ljust(9, "0") or 0)


def make_readable(bag: Path) -> None:
    """Let this user read the restored files to hash them; the machine's own modes are in the tag file.

    Root can read everything anyway.
    """
    if os.geteuid() == 0:
        return
    with Beneath(bag) as below:
        for path, facts in below.walk(DATA.encode()):
            # A folder comes before its content.
            below.add_mode(path, _FOLDER_BITS if stat.S_ISDIR(facts.st_mode) else _FILE_BITS)


def forget_cached(bag: Path) -> None:
    """Make the next read of the payload come from the disk, not from memory."""
    with Beneath(bag) as below:
        for path, facts in below.walk(DATA.encode()):
            if stat.S_ISREG(facts.st_mode):
                handle = below.open_file(path)
                try:
                    os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
                finally:
                    os.close(handle)
