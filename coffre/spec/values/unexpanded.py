"""Finds variables in paths and patterns: a shell replaces them, restic and the agent do not."""

import re

_KNOWN = (
    "HOME|USER|LOGNAME|PWD|HOSTNAME|TMPDIR|USERNAME|USERPROFILE|APPDATA|LOCALAPPDATA|PROGRAMDATA|TEMP|TMP|XDG_[A-Z_]+"
)
# These have no other meaning, at any place in a name.
_ANYWHERE = re.compile(
    rf"\$\{{[^{{}}]+\}}|\$\([^()]+\)|`[^`]+`|\{{\{{.*?\}}\}}|\$env:[A-Za-z_]+|\$({_KNOWN})(?![A-Za-z0-9_])"
)
# Names may have $ and % (Windows' $Recycle.Bin, Word's ~$letter.docx): only a whole part counts as a variable.
_WHOLE = re.compile(r"%[A-Za-z_][A-Za-z0-9_()]*%")
_WHOLE_IN_PATH = re.compile(r"\$[A-Za-z_][A-Za-z0-9_]*")
_HOME = re.compile(r"~[A-Za-z0-9._-]*")


def find_in_path(path: str) -> str | None:
    """Return the first part of a path that a shell would replace."""
    parts = re.split(r"[\\/]", path)
    if _HOME.fullmatch(parts[0]):
        return parts[0]
    found = _find(parts)
    return found or next((part for part in parts if _WHOLE_IN_PATH.fullmatch(part)), None)


def find_in_pattern(pattern: str) -> str | None:
    """Return the first part of a pattern that a shell would replace; `~` alone may be the name of a copy."""
    parts = re.split(r"[\\/]", pattern.removeprefix("!"))
    if len(parts) > 1 and parts[0] == "~":
        return parts[0]
    return _find(parts)


def _find(parts: list[str]) -> str | None:
    for part in parts:
        found = _ANYWHERE.search(part)
        if found:
            return found[0]
        if _WHOLE.fullmatch(part):
            return part
    return None
