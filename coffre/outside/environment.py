"""The environment of this computer, and the part of it for programs that Coffre starts.

Only this module sets a child's language, home and temporary folder. With any settings of the operator, the program
uses English in UTF-8, a writable temporary folder, and a home only if there is one.
"""

import os
import pwd
import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from coffre.errors import ExpectedError

LOCALE = "C.UTF-8"
"""Every glibc since 2.35 includes it, and Debian's and Red Hat's older ones as well."""
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""The default folders of programs: cron and `env -i` give no PATH, or one without the system's own programs."""

_LANGUAGE = ("LANG", "LANGUAGE", "LC_")
_TEMPORARY = ("TMPDIR", "TEMP", "TMP")


NOT_FOR_PROGRAMS = ("AWS_", "COFFRE_", "PULUMI_", "RESTIC_")
"""Prefixes of variables for Coffre or its platform: programs get their settings explicitly, without these."""
NOT_FOR_GO_PROGRAMS = (*NOT_FOR_PROGRAMS, "GODEBUG", "GOTRACEBACK", "SSL_CERT_")


def child_environment(
    environment: Mapping[str, str], *, without: Sequence[str] = (), only: Collection[str] | None = None
) -> dict[str, str]:
    """Return the environment for a program that Coffre starts; ``without`` are prefixes of names to leave out.

    With ``only`` it contains these names and no others. It contains no proxy: the caller adds the proxy of the platform
    that the program uses (`proxies`).
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
    """Tell whether this module sets a variable."""
    return name.startswith(_LANGUAGE) or name in (*_TEMPORARY, "HOME") or name.lower().endswith("_proxy")


def find_home(environment: Mapping[str, str]) -> Path | None:
    """Return the user's home: HOME if it is an absolute path, else from the user database; None without one."""
    named = Path(environment.get("HOME", ""))
    if named.is_absolute():
        return named
    try:
        known = Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return None
    return known if known.is_absolute() else None


def home(environment: Mapping[str, str]) -> Path:
    """Return the user's home; ExpectedError when neither HOME nor the system's user database has it."""
    found = find_home(environment)
    if found is None:
        raise ExpectedError(
            f"this user (uid {os.getuid()}) has no home, and HOME is not set to one", "Set HOME to its folder."
        )
    return found


def expand_home(path: Path, environment: Mapping[str, str]) -> Path:
    """Return a path whose leading ``~`` is the user's home; ``~somebody`` is a name like any other."""
    return home(environment).joinpath(*path.parts[1:]) if path.parts[:1] == ("~",) else path


def temporary_folder() -> Path:
    """Return the folder for temporary files: TMPDIR if it is writable, else the system's own.

    ExpectedError when there is none. Python would use the current folder, which may be a customer's disk.
    """
    try:
        found = Path(tempfile.gettempdir()).absolute()
        is_asked_for = found in [Path(os.environ[name]).absolute() for name in _TEMPORARY if os.environ.get(name)]
        if is_asked_for or found != Path.cwd():
            return found
    except FileNotFoundError:  # also when the current folder is gone
        pass
    raise ExpectedError(
        "no temporary folder is writable: neither TMPDIR nor /tmp or /var/tmp",
        "Set TMPDIR to a folder of this user with free space.",
    )
