"""Who runs a command, and from which commit."""

import getpass
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from coffre.outside.text import one_line
from coffre.workspace.git import GitRepository

ACTOR_VARIABLE = "COFFRE_ACTOR"
LIMIT = 200
"""Characters of a name; an address has at most 254, and none that long."""


@dataclass(frozen=True)
class Author:
    """Who did it and from what: ``commit`` ends in ``+dirty`` when files differ from it, None without git."""

    actor: str
    commit: str | None


def read_author(root: Path, environment: Mapping[str, str] = os.environ) -> Author:
    """Return COFFRE_ACTOR, else git's user.email, else the login name; and the commit that ``root`` is at.

    Anybody can type each of them: it is declared, and what it says is one line that prints.
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
