"""What nobody foresaw, and what this computer's file system refuses: told in one sentence."""

import errno
import os
import sys
import traceback
from datetime import UTC, datetime

from coffre.cli import output
from coffre.cli.root import find_root
from coffre.errors import ExpectedError, UsageError
from coffre.workspace.files import PRIVATE_FOLDER, write_atomically
from coffre.workspace.paths import ERRORS_FOLDER, WORK_FOLDER

_REFUSALS = {
    errno.ENOSPC: ("no room is left on its disk", "Make room"),
    errno.EDQUOT: ("no room is left in this user's share of its disk", "Make room"),
    errno.EROFS: ("its file system is mounted read-only", "Mount it writable"),
    errno.EACCES: ("this user may not use it", "Give it to the user who runs Coffre"),
    errno.EPERM: ("this user may not use it", "Give it to the user who runs Coffre"),
    errno.EIO: ("its disk cannot read or write it", "See to the disk"),
}


def explain_os_error(error: OSError) -> ExpectedError | None:
    """Say in one sentence what this computer's file system refuses, wherever that was; None for anything else. Pure."""
    if error.errno not in _REFUSALS:
        return None
    reason, hint = _REFUSALS[error.errno]
    # A write into an open file has no name; what commands write of their own is in one folder.
    unnamed = f"a file under {WORK_FOLDER}/ or of the system's temporary ones"
    where = error.filename if isinstance(error.filename, str) else unnamed
    return ExpectedError(f"{where}: {reason}", f"{hint}, then run the same command again; what was done stays done.")


def tell_unexpected(problem: Exception, name: str = "") -> int:
    """Save the traceback, which holds no local values, and say where; the message of the error is not shown."""
    text = "".join(traceback.format_exception(problem))
    if "--verbose" in sys.argv:
        output.error(text)
    try:
        folder = find_root(None) / ERRORS_FOLDER
        folder.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
        path = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{os.getpid()}.txt"
        write_atomically(path, text.encode(), is_durable=False)
        where = f"the traceback is in {path}"
    except (OSError, UsageError):
        where = "run it again with --verbose for the traceback"
    kind = type(problem).__name__
    output.error(f"{name or 'error'}: this should not happen ({kind}); {where}\n  Please report it with that file.")
    return 1
