"""Reads facts and files of the repository from git; only this module calls git for them. It changes nothing."""

import itertools
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from coffre.errors import ExpectedError, UsageError
from coffre.outside import processes
from coffre.outside.environment import child_environment
from coffre.outside.text import one_line

_ANSWER_BYTES = 16 * 1024**2
_GIT_SECONDS = 10
# A git hook sets these for its own repository, which may be another one.
_HOOK_VARIABLES = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")

_READING_SECONDS = 120
_READING = {
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_GRAFT_FILE": os.devnull,
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
}
"""No replaced commit, no graft, no fetching of missing objects (the protocols also for a git before 2.39.4)."""
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
# Without "^" and "-" at the start, and without searches (`:/text`, `^{/text}`), indexes and paths (`commit:path`).
_REVISION = re.compile(r"(?![-^])[^\s:?*\[\\]{1,250}")
_ENTRY = re.compile(rb"([0-7]{6}) [a-z]+ ([0-9a-f]{40,64}) +(-|[0-9]+|BAD)\t([^\0]*)\0", re.DOTALL)
FETCH_WHOLE = "Fetch all of it (in a pipeline, a fetch depth of 0 and no filter), then run this again."
_UNSHALLOW = "Fetch it (`git fetch --unshallow`; in a pipeline, a fetch depth of 0), then run this again."


class EntryKind(StrEnum):
    """The kind of an entry in a folder of a commit."""

    FILE = "file"
    LINK = "link"
    FOLDER = "folder"
    SUBMODULE = "submodule"


_KINDS = {
    b"100644": EntryKind.FILE,
    b"100755": EntryKind.FILE,
    b"120000": EntryKind.LINK,
    b"040000": EntryKind.FOLDER,
}


@dataclass(frozen=True)
class Entry:
    """An entry in a folder of a commit; its name is what the commit says: any bytes without a slash.

    ``size_bytes`` is None for anything but a file, and for a file whose content is not in the repository.
    """

    name: bytes
    kind: EntryKind
    object_id: str
    size_bytes: int | None


@dataclass(frozen=True)
class Writing:
    """What a commit says of itself: its author's e-mail and its message. Its author chose both."""

    author: str
    message: str


class FolderError(ExpectedError):
    """A folder of a commit is too large to be read, or is not as git writes one."""


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


class Commits:
    """Reads files of commits of the repository around a folder, as data.

    Nothing is checked out, run, fetched or written. The content of a commit sets nothing: git's attributes, filters,
    hooks, aliases and pager have no part in the commands used here.
    """

    def __init__(self, root: Path, environment: Mapping[str, str] = os.environ) -> None:
        """Find the repository; ExpectedError without one that git reads."""
        self._root = root
        ceiling = environment.get("GIT_CEILING_DIRECTORIES")
        self._environment = {
            **child_environment(environment, without=("GIT_",)),
            **_READING,
            **({"GIT_CEILING_DIRECTORIES": ceiling} if ceiling else {}),
        }
        self._folders = self._find_folders()

    def resolve(self, revision: str) -> str:
        """Return the commit of a person's name for it; UsageError when there is none.

        A name is taken as git takes it: a tag goes before a branch. A pipeline gives whole commit ids.
        """
        if not _is_revision(revision):
            raise UsageError(
                f"{one_line(repr(revision), 80)} is no name of a commit", "Name a branch, a tag or a commit id."
            )
        done = self._run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        commit = _text(done.stdout)
        if done.exit_code != 0 or not _COMMIT.fullmatch(commit):
            raise self._explain_missing(revision)
        return commit

    def find_merge_base(self, one: str, other: str) -> str:
        """Return the newest commit that two commits have in common; UsageError without one."""
        done = self._run("merge-base", one, other)
        commit = _text(done.stdout)
        if done.exit_code == 0 and _COMMIT.fullmatch(commit):
            return commit
        if done.exit_code > 1:
            raise _failure("git cannot follow the history", done, FETCH_WHOLE)
        if self._is_shallow():
            raise UsageError(
                f"this shallow clone lacks the history that {one[:12]} and {other[:12]} have in common", _UNSHALLOW
            )
        raise UsageError(
            f"{one[:12]} and {other[:12]} have no commit in common", "Compare them by two dots: BASE..HEAD."
        )

    def find_root(self, commit: str) -> str | None:
        """Return the tree of the root's folder in a commit; None when the commit has no such folder."""
        tree = commit
        for folder in self._folders:
            found = next((entry for entry in self.list_folder(tree) if entry.name == folder), None)
            if found is None or found.kind is not EntryKind.FOLDER:
                return None
            tree = found.object_id
        return tree

    def list_folder(self, tree: str, limit: int = 1_000_000) -> list[Entry]:
        """Return the entries of one folder, not those of folders in it.

        FolderError beyond ``limit`` entries or 16 MiB of names. Also for a folder that two git programs could read
        differently: with a name twice, with a slash in a name, or out of order.
        """
        try:
            done = self._run("ls-tree", "-z", "-l", "--full-tree", tree)
        except processes.EndlessOutputError as error:
            message = f"the folder has more than {_ANSWER_BYTES >> 20} MiB of names"
            raise FolderError(message, "move other files out of it") from error
        if done.exit_code != 0:
            raise _failure(f"git cannot read the folder {tree}", done, FETCH_WHOLE)
        entries = _split_listing(done.stdout, tree)
        if len(entries) > limit:
            raise FolderError(f"the folder has more than {limit} files", "move other files out of it")
        _refuse_odd(entries)
        return entries

    def read_files(self, sizes: Mapping[str, int]) -> dict[str, bytes]:
        """Return the contents of files by object id; what is no file is left out. ``sizes`` are as listed.

        ExpectedError for an object that the repository lacks.
        """
        request = "".join(f"{object_id}\n" for object_id in sizes).encode()
        most = sum(sizes.values()) + len(sizes) * 128
        done = self._run("cat-file", "--batch", "--buffer", stdin=request, limit=most) if sizes else None
        if done is not None and done.exit_code != 0:
            raise _failure("git cannot read the files of the commit", done, FETCH_WHOLE)
        return _split_batch(done.stdout, sizes) if done is not None else {}

    def list_first_parents(self, base: str, head: str, path: str | None = None) -> list[str]:
        """Return the commits of HEAD's own line that BASE lacks, newest first: one for each merge and squash.

        With ``path``, only those that change that file below the root.
        """
        below = () if path is None else ("--", path)
        line = ("--first-parent", "--no-show-signature", "--no-color", "--format=%H")
        done = self._run("--literal-pathspecs", "log", *line, f"{base}..{head}", *below)
        if done.exit_code != 0:
            raise _failure("git cannot follow the history", done, FETCH_WHOLE)
        return _text(done.stdout).split()

    def contains(self, commit: str, other: str) -> bool:
        """Tell whether a commit has another one in its history; one that the repository lacks is in none."""
        if not _COMMIT.fullmatch(other):
            return False
        return self._run("merge-base", "--is-ancestor", other, commit).exit_code == 0

    def list_writings(self, base: str, head: str, path: str) -> list[Writing]:
        """Return the commits between two that change a file below the root, newest first.

        ExpectedError when their messages are too long to be read.
        """
        show = ("--no-show-signature", "--no-color", "--no-mailmap", "--encoding=UTF-8", "--format=%ae%n%B", "-z")
        try:
            done = self._run("--literal-pathspecs", "log", "--full-history", *show, f"{base}..{head}", "--", path)
        except processes.EndlessOutputError as error:
            raise ExpectedError(
                f"the messages of the commits that change {path} are too long to be read",
                "Make the change again with shorter messages.",
            ) from error
        if done.exit_code != 0:
            raise _failure("git cannot follow the history", done, FETCH_WHOLE)
        texts = [each for each in done.stdout.decode(errors="replace").split("\0") if each]
        return [Writing(author, message) for author, _, message in (text.partition("\n") for text in texts)]

    def _find_folders(self) -> tuple[bytes, ...]:
        """Return the names of the folders from the top of the repository to the root."""
        if not self._root.is_dir():
            raise UsageError(f"there is no folder {self._root}", "Name the repository with --root DIR.")
        done = self._run("rev-parse", "--show-prefix")
        if done.exit_code != 0:
            if self._run("-c", "safe.directory=*", "rev-parse", "--show-prefix").exit_code == 0:
                raise ExpectedError(
                    f"git does not read the repository of {self._root}: another user owns it",
                    "Make this user its owner, or trust it: git config --global --add safe.directory FOLDER.",
                )
            hint = "Run it in a clone of the repository, or name the clone with --root DIR."
            raise _failure(f"git finds no repository in {self._root}", done, hint)
        return tuple(part for part in done.stdout.removesuffix(b"\n").split(b"/") if part)

    def _explain_missing(self, revision: str) -> ExpectedError:
        if self._is_shallow():
            hint = "Fetch it (`git fetch --depth=100 origin COMMIT`; in a pipeline, a fetch depth of 0)."
            return UsageError(f"this shallow clone has no commit {revision}", hint)
        if not self._run("for-each-ref", "--count=1").stdout:
            return UsageError("the repository has no commit yet", "Commit platform.yaml and tenants/ first.")
        return UsageError(f"the repository has no commit {revision}", "Fetch it, or correct the name.")

    def _is_shallow(self) -> bool:
        return _text(self._run("rev-parse", "--is-shallow-repository").stdout) == "true"

    def _run(self, *arguments: str, stdin: bytes = b"", limit: int = _ANSWER_BYTES) -> processes.Completed:
        command = ["git", "-c", "core.commitGraph=false", "-C", str(self._root), *arguments]
        try:
            limits = processes.Limits(_READING_SECONDS, limit)
            return processes.run(command, limits, stdin=stdin, environment=self._environment)
        except FileNotFoundError as error:
            raise ExpectedError("git is not installed", "Install git (Debian: apt install git).") from error


def _is_revision(text: str) -> bool:
    return text.isprintable() and "{/" not in text and _REVISION.fullmatch(text) is not None


def _failure(message: str, done: processes.Completed, hint: str) -> ExpectedError:
    lines = _text(done.stderr).splitlines()
    told = [line.partition(": ")[2] for line in lines if line.startswith(("fatal: ", "error: "))]
    reason = told[-1] if told else ""
    return ExpectedError(f"{message}: {one_line(reason, 200)}" if reason else message, hint)


def _text(output: bytes) -> str:
    return output.decode(errors="replace").strip()


def _split_listing(output: bytes, tree: str) -> list[Entry]:
    """Split what `git ls-tree -z -l` printed."""
    entries, at = [], 0
    while at < len(output):
        found = _ENTRY.match(output, at)
        if found is None:
            raise ExpectedError(f"git's list of the folder {tree} is unreadable", "Check it with `git fsck`.")
        mode, object_id, size, name = found.groups()
        size_bytes = int(size) if size.isdigit() else None
        entries.append(Entry(name, _KINDS.get(mode, EntryKind.SUBMODULE), object_id.decode(), size_bytes))
        at = found.end()
    return entries


def _refuse_odd(entries: list[Entry]) -> None:
    """Raise FolderError unless the entries are as git writes them."""
    hint = "no git program writes such a commit: commit the files again"
    # A folder stands where its name and a slash would stand.
    places = [entry.name + b"/" * (entry.kind is EntryKind.FOLDER) for entry in entries]
    names = {entry.name for entry in entries}
    if slashed := next((name for name in names if b"/" in name), None):
        raise FolderError(f"the folder has a name with a slash, {_quote(slashed)}", hint)
    if len(names) < len(entries):
        repeated = next(name for name, count in Counter(entry.name for entry in entries).items() if count > 1)
        raise FolderError(f"the folder has the name {_quote(repeated)} twice", hint)
    if any(earlier > later for earlier, later in itertools.pairwise(places)):
        raise FolderError("the names in the folder are not in git's order", hint)


def _quote(name: bytes) -> str:
    return f'"{one_line(name.decode(errors="replace"), 60)}"'


def _split_batch(output: bytes, asked: Iterable[str]) -> dict[str, bytes]:
    """Split what `git cat-file --batch` printed: for each object a line with its type and size, then its bytes."""
    contents, at = {}, 0
    for object_id in asked:
        end = output.find(b"\n", at)
        words = output[at:end].split() if end >= 0 else []
        if len(words) != 3 or words[0] != object_id.encode() or not words[2].isdigit():
            raise ExpectedError(f"git has no object {object_id}", FETCH_WHOLE)
        at = end + 1 + int(words[2]) + 1
        if words[1] == b"blob":
            contents[object_id] = output[end + 1 : at - 1]
    return contents
