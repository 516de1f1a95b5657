"""The person who runs a command, and the commit of the repository."""

import getpass
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from coffre.outside.text import one_line
from coffre.workspace.git import GitRepository

ACTOR_VARIABLE = "COFFRE_ACTOR"
LIMIT = 200
"""The maximum number of characters of a name; an address has at most 254."""


@dataclass(frozen=True)
class Author:
    """The person and the commit of an act; ``commit`` ends in ``+dirty`` when files differ, None without git."""

    actor: str
    commit: str | None


def read_author(root: Path, environment: Mapping[str, str] = os.environ) -> Author:
    """Return COFFRE_ACTOR, else git's user.email, else the login name; and the commit of ``root``.

    The name is declared and not proved: anybody can type it. It is reduced to one printable line.
    """
    git = GitRepository(root, environment)
    declared = (environment.get(ACTOR_VARIABLE, ""), git.find_email() or "", _login(environment))
    actor = next(filter(None, (one_line(each, LIMIT) for each in declared)))
    return Author(actor, git.find_commit())


def _login(environment: Mapping[str, str]) -> str:
    for name in ("LOGNAME", "USER"):
        if environment.get(name):
            return environment[name]
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
