"""Reads two commits of a repository: the settings and the tenants that each one has. Everything in them is data.

A pull request brings a commit that nobody has accepted yet, so its files are never checked out: git gives their bytes,
which are judged as `coffre check` judges those of a checkout.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from coffre.errors import ExpectedError, UsageError
from coffre.spec.files import (
    PLATFORM_FILE,
    SIZE_LIMIT_BYTES,
    TENANTS_FOLDER,
    choose_tenant_files,
    refuse_large,
    refuse_link,
    refuse_linked_folder,
    refuse_missing,
    refuse_not_plain,
    refuse_unread_folder,
    shown,
)
from coffre.spec.judging import (
    JudgedTenant,
    SourceFile,
    is_slug,
    judge_platform,
    judge_tenant_file,
    judge_together,
)
from coffre.spec.platform import PlatformFile
from coffre.spec.problems.problems import Problem
from coffre.spec.tenant import Tenant
from coffre.workspace.git import Commits, Entry, EntryKind, LargeFolderError

FILES_LIMIT = 20_000
"""The maximum of entries in tenants/: twice the largest repository that Coffre is made for."""
TOTAL_LIMIT_BYTES = 64 * 1024**2
"""The maximum of the tenants' files of a commit together: 20,000 files of usual size."""


@dataclass(frozen=True)
class Revision:
    """One commit: its settings and the tenants whose files have no problem, by slug, and the problems of the others.

    ``digests`` are the SHA-256 of the files that were read, by path below the root: platform.yaml, and the files with
    a tenant's valid name.
    """

    commit: str
    settings: PlatformFile | None
    tenants: Mapping[str, Tenant]
    problems: tuple[Problem, ...]
    digests: Mapping[str, str]


@dataclass(frozen=True)
class Range:
    """Two commits: what is in force, and what is proposed."""

    base: Revision
    head: Revision


@dataclass(frozen=True)
class ChangedFiles:
    """The slugs whose file was added, removed or changed, in order, and whether platform.yaml was."""

    slugs: tuple[str, ...]
    is_platform_changed: bool


@dataclass(frozen=True)
class _Listed:
    """The files of one commit, before they are read: for each an object, or the problem that there is none to read."""

    platform: Entry | Problem
    tenants: Mapping[str, Entry | Problem]
    problems: tuple[Problem, ...]

    def sizes(self) -> dict[str, int]:
        entries = [each for each in (self.platform, *self.tenants.values()) if isinstance(each, Entry)]
        return {each.object_id: each.size_bytes or 0 for each in entries}


def read_range(root: Path, text: str, environment: Mapping[str, str] = os.environ) -> Range:
    """Read the commits of ``BASE..HEAD``, or of ``BASE...HEAD``: then the base is where HEAD left BASE.

    UsageError for a text that is no range, and for commits that the repository lacks; ExpectedError without a
    repository, or when git lacks objects or cannot read them.
    """
    base_name, is_from_merge_base, head_name = split_range(text)
    commits = Commits(root, environment)
    base, head = commits.resolve(base_name), commits.resolve(head_name)
    if is_from_merge_base:
        base = commits.find_merge_base(base, head)
    listed = {commit: _list(commits, commit) for commit in (base, head)}
    contents = commits.read_files({key: size for each in listed.values() for key, size in each.sizes().items()})
    reader = _Reader(contents)
    return Range(reader.read(base, listed[base]), reader.read(head, listed[head]))


def split_range(text: str) -> tuple[str, bool, str]:
    """Return the two names of a range, and whether it has three dots; UsageError when it has not two names."""
    separator = "..." if "..." in text else ".."
    base, _, head = text.partition(separator)
    if not base or not head:
        raise UsageError(
            "the range of commits needs two names", "Write BASE..HEAD, or BASE...HEAD for what HEAD itself changed."
        )
    return base, separator == "...", head


def changed_slugs(commits: Range) -> ChangedFiles:
    """Return what differs between two commits, by the digests of their files."""
    before, after = commits.base.digests, commits.head.digests
    changed = {path for path in {*before, *after} if before.get(path) != after.get(path)}
    is_platform_changed = PLATFORM_FILE in changed
    slugs = sorted(_slug(path) for path in changed - {PLATFORM_FILE})
    return ChangedFiles(tuple(slugs), is_platform_changed)


def _slug(path: str) -> str:
    return path.removeprefix(f"{TENANTS_FOLDER}/").removesuffix(".yaml")


def _list(commits: Commits, commit: str) -> _Listed:
    tree = commits.find_root(commit)
    entries = commits.list_folder(tree) if tree is not None else []
    platform = _choose_one(entries, PLATFORM_FILE) or refuse_missing(PLATFORM_FILE)
    if isinstance(platform, Entry):
        platform = _accept(platform, PLATFORM_FILE)
    folder = _choose_one(entries, TENANTS_FOLDER)
    problems: list[Problem] = []
    tenants = _list_tenants(commits, folder, problems) if isinstance(folder, Entry) else {}
    if isinstance(folder, Problem):
        problems.append(folder)
    return _Listed(platform, tenants, tuple(problems))


def _list_tenants(commits: Commits, folder: Entry, problems: list[Problem]) -> dict[str, Entry | Problem]:
    if folder.kind is not EntryKind.FOLDER:
        is_link = folder.kind is EntryKind.LINK
        problems.append(refuse_linked_folder() if is_link else refuse_unread_folder("Not a directory"))
        return {}
    try:
        entries = commits.list_folder(folder.object_id)
    except LargeFolderError:
        entries = None
    if entries is None or len(entries) > FILES_LIMIT:
        problems.append(_refuse_number(f"the folder has more than {FILES_LIMIT} files"))
        return {}
    by_name: dict[str, list[Entry]] = {}
    for entry in entries:
        by_name.setdefault(_decode(entry.name), []).append(entry)
    found: dict[str, Entry | Problem] = {}
    for name in choose_tenant_files(by_name, problems):
        path = f"{TENANTS_FOLDER}/{name}"
        one = by_name[name][0] if len(by_name[name]) == 1 else _refuse_repeated(path)
        found[name] = _accept(one, path) if isinstance(one, Entry) else one
    if sum(each.size_bytes or 0 for each in found.values() if isinstance(each, Entry)) > TOTAL_LIMIT_BYTES:
        problems.append(_refuse_number(f"the tenants' files have more than {TOTAL_LIMIT_BYTES >> 20} MiB together"))
        return {}
    return found


def _choose_one(entries: list[Entry], name: str) -> Entry | Problem | None:
    found = [entry for entry in entries if entry.name == name.encode()]
    if len(found) > 1:
        return _refuse_repeated(name)
    return found[0] if found else None


def _accept(entry: Entry, path: str) -> Entry | Problem:
    """Return an entry that is a plain file of a size that is read, else its problem."""
    name = shown(path)
    if entry.kind is EntryKind.LINK:
        return refuse_link(name, name)
    if entry.kind is not EntryKind.FILE:
        return refuse_not_plain(name)
    if entry.size_bytes is None:
        raise ExpectedError(
            f"git has no content of {name}: this clone is partial",
            "Fetch the whole repository (a clone without --filter), then run it again.",
        )
    return entry if entry.size_bytes <= SIZE_LIMIT_BYTES else refuse_large(name)


def _refuse_repeated(path: str) -> Problem:
    hint = "no git program writes such a commit: commit the file again"
    return Problem(shown(path), 1, 1, "", "the commit has this name twice", hint)


def _refuse_number(message: str) -> Problem:
    return Problem(TENANTS_FOLDER, 1, 1, "", message, "no tenant of this commit was read")


def _decode(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


@dataclass(frozen=True)
class _Reader:
    """Judges listed files by their contents; a file that both commits have is judged once."""

    contents: Mapping[str, bytes]
    _known: dict[tuple[str, str, tuple[str, ...] | None], JudgedTenant] = field(default_factory=dict)

    def read(self, commit: str, listed: _Listed) -> Revision:
        digests: dict[str, str] = {}
        source = self._source(PLATFORM_FILE, listed.platform)
        _note(digests, PLATFORM_FILE, source)
        platform = judge_platform(source)
        tenants = []
        for name, entry in listed.tenants.items():
            judged = self._judge(name, entry, platform.names)
            if is_slug(name.removesuffix(".yaml")):
                _note(digests, judged.source.shown, judged.source)
            tenants.append(judged)
        together = judge_together(platform, tenants, listed.problems)
        return Revision(commit, together.settings, together.tenants, together.problems, digests)

    def _judge(self, name: str, entry: Entry | Problem, platforms: tuple[str, ...] | None) -> JudgedTenant:
        source = self._source(f"{TENANTS_FOLDER}/{name}", entry)
        if isinstance(entry, Problem):
            return judge_tenant_file(source, platforms)
        key = (name, entry.object_id, platforms)
        if key not in self._known:
            self._known[key] = judge_tenant_file(source, platforms)
        return self._known[key]

    def _source(self, path: str, entry: Entry | Problem) -> SourceFile:
        name = shown(path)
        content = entry if isinstance(entry, Problem) else self.contents.get(entry.object_id)
        return SourceFile(name, path.rpartition("/")[2], refuse_not_plain(name) if content is None else content)


def _note(digests: dict[str, str], path: str, source: SourceFile) -> None:
    if isinstance(source.content, bytes):
        digests[path] = hashlib.sha256(source.content).hexdigest()
