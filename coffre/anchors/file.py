"""The anchor's file: one signed head per line; lines are only added. Only this module reads and writes it."""

import fcntl
import os
import stat
from pathlib import Path

from coffre.errors import ExpectedError
from coffre.outside.files import read_plain
from coffre.records.chain.heads import LINE_LIMIT_CHARACTERS, Head, read_heads, write_head
from coffre.workspace.files import PRIVATE_FILE, PRIVATE_FOLDER

LIMIT_BYTES = 256 << 20
"""Half a million heads: more than one per day for a thousand years."""


def read_anchor(path: Path) -> list[Head]:
    """Return every head of the file; ExpectedError when it cannot be read, FileNotFoundError when it is missing."""
    try:
        return read_heads(read_plain(path, LIMIT_BYTES).decode("utf-8", "replace"))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _unusable(path, error) from error


def read_last(path: Path) -> Head | None:
    """Return the newest head of the file without reading the others; FileNotFoundError when it is missing."""
    try:
        with path.open("rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return None
            file.seek(max(0, os.fstat(file.fileno()).st_size - 2 * LINE_LIMIT_CHARACTERS))
            found = read_heads(file.read().decode("utf-8", "replace"))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _unusable(path, error) from error
    return found[-1] if found else None


def add_to_anchor(path: Path, head: Head) -> None:
    """Add a complete head at the end of the file; a new file and its folder are private to their owner."""
    try:
        path.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(path, flags, PRIVATE_FILE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            # A line that a kill or a full disk cut must not merge with the next one.
            os.write(descriptor, f"\n{write_head(head)}\n".encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise _unusable(path, error) from error


def _unusable(path: Path, error: OSError) -> ExpectedError:
    return ExpectedError(
        f"the anchor {path} cannot be used: {(error.strerror or str(error)).lower()}",
        "Make it readable and writable for the user who runs Coffre, and mount it if it is not mounted.",
    )
