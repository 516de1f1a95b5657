"""What this computer's environment says, and what of it a program that we start gets to see.

The one place where a child's language, home and temporary folder are decided. Whatever the operator's own are, the
program speaks English in UTF-8, finds a temporary folder that can be written, and a home only where there is one.
"""

import os
import pwd
import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from coffre.errors import ExpectedError

LOCALE = "C.UTF-8"
"""Every glibc since 2.35 has it built in, and Debian's and Red Hat's older ones as well."""
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where programs are when nobody says: cron and `env -i` give no PATH, or one without the system's own programs."""

_LANGUAGE = ("LANG", "LANGUAGE", "LC_")
_TEMPORARY = ("TMPDIR", "TEMP", "TMP")


NOT_FOR_PROGRAMS = ("AWS_", "COFFRE_", "PULUMI_", "RESTIC_")
"""Beginnings of names that are set for Coffre or its platform: a program that is told what it needs gets none."""
NOT_FOR_GO_PROGRAMS = (*NOT_FOR_PROGRAMS, "GODEBUG", "GOTRACEBACK", "SSL_CERT_")


def child_environment(
    environment: Mapping[str, str], *, without: Sequence[str] = (), only: Collection[str] | None = None
) -> dict[str, str]:
    """Return what a program that we start gets of an environment; ``without`` are beginnings of names to leave out.

    With ``only`` it gets these names and no others. No proxy is among it: whoever starts a program that talks to a
    platform gives it that platform's (`proxies`).
    """
    dropped = (*without,)
    kept = {name: value for name, value in environment.items() if not (_is_ours(name) or name.startswith(dropped))}
    kept["PATH"] = kept.get("PATH") or DEFAULT_PATH
    kept["LC_ALL"] = LOCALE
    kept["TMPDIR"] = str(temporary_folder())
    home = find_home(environment)
    if home is not None:
        kept["HOME"] = str(home)
    return kept if only is None else {name: value for name, value in kept.items() if name in only}


def _is_ours(name: str) -> bool:
    """Tell whether a variable is one that is decided here."""
    return name.startswith(_LANGUAGE) or name in (*_TEMPORARY, "HOME") or name.lower().endswith("_proxy")


def find_home(environment: Mapping[str, str]) -> Path | None:
    """Return the user's home: HOME where it is an absolute path, else what the system's users say; None without one."""
    named = Path(environment.get("HOME", ""))
    if named.is_absolute():
        return named
    try:
        known = Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return None
    return known if known.is_absolute() else None


def home(environment: Mapping[str, str]) -> Path:
    """Return the user's home; ExpectedError when neither HOME nor the system's users tell it."""
    found = find_home(environment)
    if found is None:
        raise ExpectedError(
            f"this user (uid {os.getuid()}) has no home, and HOME names none", "Set HOME to a folder of this user's."
        )
    return found


def expand_home(path: Path, environment: Mapping[str, str]) -> Path:
    """Return a path whose leading ``~`` is the user's home; ``~somebody`` is a name like any other."""
    return home(environment).joinpath(*path.parts[1:]) if path.parts[:1] == ("~",) else path


def temporary_folder() -> Path:
    """Return the folder for temporary files: TMPDIR where it can be written, else the system's own.

    ExpectedError when there is none. The current folder, which Python falls back to, may be a customer's disk.
    """
    try:
        found = Path(tempfile.gettempdir()).absolute()
        is_asked_for = found in [Path(os.environ[name]).absolute() for name in _TEMPORARY if os.environ.get(name)]
        if is_asked_for or found != Path.cwd():
            return found
    except FileNotFoundError:  # also when the current folder is gone
        pass
    raise ExpectedError(
        "no temporary folder can be written: neither TMPDIR's nor /tmp or /var/tmp",
        "Set TMPDIR to a folder of this user's that has some room.",
    )
