"""Reads facts of the repository from git; only this module calls git for them. It changes nothing."""

import os
from collections.abc import Mapping
from pathlib import Path

from coffre.outside import processes
from coffre.outside.environment import child_environment

_ANSWER_BYTES = 16 * 1024**2
_GIT_SECONDS = 10
# A git hook sets these for its own repository, which may be another one.
_HOOK_VARIABLES = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")


class GitRepository:
    """The checkout around a folder; each answer is None without a checkout or without git."""

    def __init__(self, root: Path, environment: Mapping[str, str] = os.environ) -> None:
        self._root = root
        self._environment = child_environment(environment, without=_HOOK_VARIABLES)

    def find_email(self) -> str | None:
        return self._ask("config", "user.email")

    def find_commit(self) -> str | None:
        """Return the commit of the folder; it ends in ``+dirty`` when files differ from it."""
        commit = self._ask("rev-parse", "--verify", "HEAD")
        if commit is not None and self._ask("status", "--porcelain", "--", ".") != "":
            commit += "+dirty"
        return commit

    def _ask(self, *arguments: str) -> str | None:
        command = ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", "-C", str(self._root), *arguments]
        limits = processes.Limits(_GIT_SECONDS, _ANSWER_BYTES)
        try:
            done = processes.run(command, limits, environment=self._environment)
        except (OSError, processes.ProcessError):
            return None
        return done.stdout.decode(errors="replace").strip() if done.exit_code == 0 else None
