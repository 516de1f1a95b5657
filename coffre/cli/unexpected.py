"""Messages for unexpected errors and for errors of the local file system."""

import errno
import os
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path

from coffre.cli import output
from coffre.cli.root import find_root
from coffre.errors import ExpectedError, UsageError
from coffre.workspace.files import PRIVATE_FOLDER, write_atomically
from coffre.workspace.paths import ERRORS_FOLDER, WORK_FOLDER

_REFUSALS = {
    errno.ENOSPC: ("no room is left on its disk", "Make room"),
    errno.EDQUOT: ("this user's disk quota is reached", "Make room"),
    errno.EROFS: ("its file system is mounted read-only", "Mount it writable"),
    errno.EACCES: ("this user has no permission", "Give access to the user who runs Coffre"),
    errno.EPERM: ("this user has no permission", "Give access to the user who runs Coffre"),
    errno.EIO: ("its disk cannot read or write it", "Check the disk"),
}


_given_root: Path | None = None


def remember_root(given: Path | None) -> None:
    """Have tracebacks saved in the repository that the command was given, None: in the one around this folder."""
    global _given_root
    _given_root = given


def explain_os_error(error: OSError) -> ExpectedError | None:
    """Explain an error of the local file system in one sentence; None for any other error. Pure."""
    if error.errno not in _REFUSALS:
        return None
    reason, hint = _REFUSALS[error.errno]
    # A write into an open file has no name; commands write their own files in one folder.
    unnamed = f"a file under {WORK_FOLDER}/ or a temporary file"
    where = error.filename if isinstance(error.filename, str) else unnamed
    return ExpectedError(f"{where}: {reason}", f"{hint}, then run the same command again; completed steps stay done.")


def tell_unexpected(problem: Exception) -> int:
    """Save the traceback and print its path; returns the exit code."""
    output.error(note_unexpected(problem))
    return 1


def note_unexpected(problem: Exception, name: str = "") -> str:
    """Save the traceback, which holds no local values, and return the line with its path.

    The error's message is not in it.
    """
    text = "".join(traceback.format_exception(problem))
    if "--verbose" in sys.argv:
        output.error(text)
    try:
        folder = find_root(_given_root) / ERRORS_FOLDER
        folder.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
        path = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{os.getpid()}.txt"
        write_atomically(path, text.encode(), is_durable=False)
        where = f"the traceback is in {path}"
    except (OSError, UsageError):
        where = "run it again with --verbose for the traceback"
    kind = type(problem).__name__
    return f"{name or 'error'}: this should not happen ({kind}); {where}\n  Please report it with that file."
