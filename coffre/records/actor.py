"""Who runs a command, and from which commit: the one module here that asks the environment and git."""

import getpass
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ACTOR_VARIABLE = "COFFRE_ACTOR"
_GIT_SECONDS = 10
# A git hook sets these for its own repository, which need not be the one at the root.
_HOOK_VARIABLES = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")


@dataclass(frozen=True)
class Author:
    """Who did it and from what: ``commit`` ends in ``+dirty`` when files differ from it, None without git."""

    actor: str
    commit: str | None


def read_author(root: Path, environment: Mapping[str, str] = os.environ) -> Author:
    """Return COFFRE_ACTOR, else git's user.email, else the login name; and the commit that ``root`` is at."""
    clean = {name: value for name, value in environment.items() if name not in _HOOK_VARIABLES}
    actor = clean.get(ACTOR_VARIABLE, "").strip() or _git(root, clean, "config", "user.email") or _login(clean)
    commit = _git(root, clean, "rev-parse", "--verify", "HEAD")
    if commit is not None and _git(root, clean, "status", "--porcelain", "--", ".") != "":
        commit += "+dirty"
    return Author(actor, commit)


def _git(root: Path, environment: Mapping[str, str], *arguments: str) -> str | None:
    """Return what git answers, None when it does not."""
    try:
        result = subprocess.run(
            ["git", "--no-optional-locks", "-C", str(root), *arguments],
            capture_output=True,
            env=dict(environment),
            timeout=_GIT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return result.stdout.decode(errors="replace").strip() if result.returncode == 0 else None


def _login(environment: Mapping[str, str]) -> str:
    for name in ("LOGNAME", "USER"):
        if environment.get(name):
            return environment[name]
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
