"""Reads git's objects, and checks each one against its own hash. Only this module reads them.

It ignores the settings of the user and of the checkout: no replaced objects, grafts, mail maps, commit graphs or
fetching. The only fact taken from git is which commit is HEAD.
"""

import contextlib
import hashlib
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import IO

from coffre.errors import ExpectedError, RefusedError
from coffre.outside import processes
from coffre.outside.environment import child_environment
from coffre.signing.commits import Commit, read_commit

_SECONDS = 20
_LIMIT_BYTES = 16 * 1024 * 1024
_COMMIT_BYTES = 256 * 1024
"""Every commit of a history is kept in memory while it is read: a person's commit has a few hundred bytes."""
_LINE_BYTES = 256
_TREE_ENTRY = re.compile(rb"([0-7]{5,6}) ([^\0]+)\0", re.DOTALL)
_PLAIN_FILES = (b"100644", b"100755")
_FOLDER = b"40000"


@dataclass(frozen=True)
class GitLocation:
    """The place of a repository's root in git: HEAD's commit, and the folder of the root ("" at the top)."""

    head: str
    folder: str


def find_git_location(root: Path) -> GitLocation | None:
    """Return the place of a root in git; None without a commit of it. RefusedError for a shallow history."""
    head = _ask(root, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    folder = _ask(root, "rev-parse", "--show-prefix")
    if head is None or folder is None:
        return None
    if _ask(root, "rev-parse", "--is-shallow-repository") != "false":
        raise RefusedError(
            "this checkout lacks its history, so it does not show the authors and approvers",
            "Fetch all of it (`git fetch --unshallow`; in a pipeline, a fetch depth of 0), then run this again.",
        )
    return GitLocation(head, folder)


class Objects:
    """The objects of one repository."""

    def __init__(self, requests: IO[bytes], answers: IO[bytes]) -> None:
        self._requests, self._answers = requests, answers
        self.commit = lru_cache(maxsize=None)(self._commit)
        self._tree = lru_cache(maxsize=4096)(self._read_tree)

    def read_file(self, commit: Commit, path: str) -> bytes | None:
        """Return a plain file of a commit; None when it has none there, or a link."""
        file = self.find_file(commit, path)
        return None if file is None else self._read(file, "blob")

    def find_file(self, commit: Commit, path: str) -> str | None:
        """Return the id of a plain file of a commit."""
        *folders, name = PurePosixPath(path).parts
        tree: str | None = commit.tree
        for folder in folders:
            tree = self._find(tree, folder, (_FOLDER,)) if tree is not None else None
        return self._find(tree, name, _PLAIN_FILES) if tree is not None else None

    def _find(self, tree: str, name: str, modes: tuple[bytes, ...]) -> str | None:
        mode, entry = self._tree(tree).get(name.encode(), (b"", ""))
        return entry if mode in modes else None

    def _commit(self, name: str) -> Commit:
        return read_commit(name, self._read(name, "commit"))

    def _read_tree(self, name: str) -> dict[bytes, tuple[bytes, str]]:
        entries: dict[bytes, tuple[bytes, str]] = {}
        content, at, width = self._read(name, "tree"), 0, len(name) // 2
        while found := _TREE_ENTRY.match(content, at):
            at = found.end() + width
            entries.setdefault(found[2], (found[1].lstrip(b"0"), content[found.end() : at].hex()))
        return entries

    def _read(self, name: str, kind: str) -> bytes:
        """Return an object of a kind after a check that its bytes match the hash in its name."""
        self._requests.write(f"{name}\n".encode())
        self._requests.flush()
        words = self._answers.readline(_LINE_BYTES).split()
        if len(words) != 3 or not words[2].isdigit():
            raise ExpectedError(f"git has no object {name}", "Fetch the whole repository, then run this again.")
        size = int(words[2])
        if size > (_COMMIT_BYTES if kind == "commit" else _LIMIT_BYTES):
            raise ExpectedError(
                f"git's object {name} has {size} bytes", "A repository of Coffre has no object of that size."
            )
        content = self._answers.read(size)
        self._answers.read(1)
        digest = hashlib.sha256 if len(name) == 64 else hashlib.sha1
        if words[1] != kind.encode() or digest(b"%s %d\0" % (words[1], size) + content).hexdigest() != name:
            raise RefusedError(f"git's object {name} does not match its name", "Clone the repository again.")
        return content


@contextlib.contextmanager
def open_objects(root: Path) -> Iterator[Objects]:
    """Open the objects of the repository around a root."""
    with subprocess.Popen(
        [*_git(root), "cat-file", "--batch"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=_environment(),
    ) as process:
        assert process.stdin is not None  # noqa: S101 - asked for above
        assert process.stdout is not None  # noqa: S101
        try:
            yield Objects(process.stdin, process.stdout)
        finally:
            process.kill()


def _ask(root: Path, *arguments: str) -> str | None:
    try:
        done = processes.run(
            [*_git(root), *arguments], processes.Limits(_SECONDS, _LIMIT_BYTES), environment=_environment()
        )
    except FileNotFoundError:
        return None
    return done.stdout.decode(errors="replace").rstrip("\n") if done.exit_code == 0 else None


def _git(root: Path) -> list[str]:
    # The owner of the checkout does not matter: every object is checked against its hash, and nothing is executed.
    return ["git", "--no-replace-objects", "-c", "safe.directory=*", "-c", "core.commitGraph=false", "-C", str(root)]


def _environment() -> dict[str, str]:
    settled = {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_GRAFT_FILE": os.devnull,
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_OPTIONAL_LOCKS": "0",
    }
    ceiling = os.environ.get("GIT_CEILING_DIRECTORIES")
    return {
        **child_environment(os.environ, without=["GIT_"]),
        **settled,
        **({"GIT_CEILING_DIRECTORIES": ceiling} if ceiling else {}),
    }
