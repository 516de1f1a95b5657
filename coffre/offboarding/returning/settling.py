"""From restored snapshots to a payload that a manifest can list, by the tag file of entries alone: may run twice."""

import base64
import contextlib
import json
import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from coffre.offboarding.returning.layout import DATA, ENTRIES, LONG_PATHS

_FOLDER_BITS, _FILE_BITS = 0o700, 0o400


def settle(bag: Path) -> None:
    """Take out of the payload what no manifest lists, and give what has a name that none can hold its stand-in.

    All of it is in the tag file. Folders keep their time of change.
    """
    base = os.fsencode(bag)
    moves: list[tuple[bytes, bytes]] = []
    touched: set[bytes] = set()
    for fields in read_lines(bag):
        restored = restored_path(fields)
        if "range_sous" not in fields:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                os.unlink(os.path.join(base, restored))
            touched.add(os.path.dirname(restored))
        elif "restaure_sous_base64" in fields:
            moves.append((restored, fields["range_sous"].encode()))
            touched.add(os.path.dirname(restored))
    _move_long_paths(base, moves)
    # A folder comes before what is in it: from the end, nothing is looked for under a name that is gone.
    for restored, stored in reversed(moves):
        place = os.path.join(base, os.path.dirname(restored))
        source, target = (os.path.join(place, os.path.basename(path)) for path in (restored, stored))
        if source != target and os.path.lexists(source):
            os.rename(source, target)
    _set_times(base, bag, touched)


def _move_long_paths(base: bytes, moves: list[tuple[bytes, bytes]]) -> None:
    place = f"{LONG_PATHS}/".encode()
    for restored, stored in moves:
        if stored.startswith(place) and os.path.lexists(os.path.join(base, restored)):
            os.makedirs(os.path.join(base, place), exist_ok=True)
            os.rename(os.path.join(base, restored), os.path.join(base, stored))
    moves[:] = [move for move in moves if not move[1].startswith(place)]


def _set_times(base: bytes, bag: Path, touched: set[bytes]) -> None:
    for fields in read_lines(bag):
        if fields["type"] == "dir" and restored_path(fields) in touched:
            set_time(os.path.join(base, fields["range_sous"].encode()), fields)


def set_time(place: bytes | Path, fields: dict[str, Any]) -> None:
    """Give what lies at a place the time of change of its entry."""
    moment = nanoseconds(fields["modifie"])
    os.utime(place, ns=(moment, moment))


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
    """Return where restic put an entry, in the bag. Pure."""
    if "restaure_sous_base64" in fields:
        return base64.b64decode(fields["restaure_sous_base64"])
    folder = fields.get("instantane", "").encode()
    path = base64.b64decode(fields["chemin_base64"]) if "chemin_base64" in fields else fields["chemin"].encode()
    return b"/".join([DATA.encode(), *([folder] if folder else []), path.removeprefix(b"/")])


def nanoseconds(moment: str) -> int:
    """Read restic's time, which has nanoseconds, as those since 1970. Pure."""
    whole, _, rest = moment.partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    zone = rest[len(digits) :] if rest else ""
    seconds = datetime.fromisoformat(whole + zone).astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (seconds.days * 86400 + seconds.seconds) * 10**9 + int(digits.ljust(9, "0") or 0)


def make_readable(bag: Path) -> None:
    """Let this user read what was restored for it to be hashed; the machine's own modes are in the tag file.

    Root reads everything as it is.
    """
    if os.geteuid() == 0:
        return
    for here, folders, files in os.walk(os.fsencode(bag / DATA)):
        for names, bits in ((folders, _FOLDER_BITS), (files, _FILE_BITS)):
            for name in names:
                path = os.path.join(here, name)
                mode = os.lstat(path).st_mode
                if not stat.S_ISLNK(mode) and mode & bits != bits:
                    os.chmod(path, stat.S_IMODE(mode) | bits)


def forget_cached(bag: Path) -> None:
    """Have the next reading of the payload come from the disk, not from memory."""
    for here, _, files in os.walk(os.fsencode(bag / DATA)):
        for name in files:
            path = os.path.join(here, name)
            if not stat.S_ISREG(os.lstat(path).st_mode):
                continue
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(handle)
