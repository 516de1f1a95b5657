"""What git knows of the repository: the one module that asks it. Nothing here changes anything."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_GIT_SECONDS = 10
# A git hook sets these for its own repository, which need not be the one at the root.
_HOOK_VARIABLES = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")
UNCOMMITTED = "0" * 40


@dataclass(frozen=True)
class CommittedLine:
    """One line of a file: its commit (`UNCOMMITTED`: none yet), the author's address, and when (seconds, epoch)."""

    commit: str
    author: str
    at: int


class GitRepository:
    """The checkout around a folder; each answer is None where git has none, or is not there."""

    def __init__(self, root: Path, environment: Mapping[str, str] = os.environ) -> None:
        self._root = root
        self._environment = {name: value for name, value in environment.items() if name not in _HOOK_VARIABLES}

    def find_email(self) -> str | None:
        return self._ask("config", "user.email")

    def find_commit(self) -> str | None:
        """Return the commit that the folder is at; it ends in ``+dirty`` when files differ from it."""
        commit = self._ask("rev-parse", "--verify", "HEAD")
        if commit is not None and self._ask("status", "--porcelain", "--", ".") != "":
            commit += "+dirty"
        return commit

    def is_shallow(self) -> bool | None:
        """Tell whether the checkout lacks history, so that it does not know who wrote what."""
        answer = self._ask("rev-parse", "--is-shallow-repository")
        return None if answer is None else answer == "true"

    def blame(self, path: str, first: int, last: int) -> list[CommittedLine] | None:
        """Return who wrote the lines ``first`` to ``last`` (from 1, inclusive) of a file, as it is here now."""
        answer = self._ask("blame", "--line-porcelain", "-L", f"{first},{last}", "--", path)
        return None if answer is None else read_blame(answer)

    def _ask(self, *arguments: str) -> str | None:
        try:
            result = subprocess.run(
                ["git", "--no-optional-locks", "-C", str(self._root), *arguments],
                capture_output=True,
                env=self._environment,
                timeout=_GIT_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return result.stdout.decode(errors="replace").strip() if result.returncode == 0 else None


def read_blame(text: str) -> list[CommittedLine]:
    """Read what `git blame --line-porcelain` prints. Pure."""
    lines, commit, author, at = [], "", "", 0
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        if line.startswith("\t"):
            lines.append(CommittedLine(commit, author, at))
        elif word == "author-mail":
            author = rest.strip("<>")
        elif word == "author-time":
            at = int(rest)
        elif len(word) == len(UNCOMMITTED) and rest[:1].isdigit():
            commit = word
    return lines
