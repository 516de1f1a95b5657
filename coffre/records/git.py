"""What git knows of the repository: the one module that asks it. Nothing here changes anything."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

_GIT_SECONDS = 10
# A git hook sets these for its own repository, which need not be the one at the root.
_HOOK_VARIABLES = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")


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

    def _ask(self, *arguments: str) -> str | None:
        try:
            result = subprocess.run(
                ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", "-C", str(self._root), *arguments],
                capture_output=True,
                env=self._environment,
                timeout=_GIT_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return result.stdout.decode(errors="replace").strip() if result.returncode == 0 else None
