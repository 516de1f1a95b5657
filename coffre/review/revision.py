"""Reads two commits of a repository: the settings and the tenants that each one has. Everything in them is data.

A pull request brings a commit that nobody has accepted yet, so its files are never checked out: git gives their bytes,
which are judged as `coffre check` judges those of a checkout.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from coffre.errors import UsageError
from coffre.review.listing import ListedFiles, list_files
from coffre.spec.files import PLATFORM_FILE, TENANTS_FOLDER, refuse_not_plain, shown
from coffre.spec.judging import (
    JudgedTenant,
    SourceFile,
    is_slug,
    judge_platform,
    judge_tenant_file,
    judge_tenant_files,
    judge_together,
)
from coffre.spec.platform import PlatformFile
from coffre.spec.problems.problems import Problem
from coffre.spec.tenant import Tenant
from coffre.workspace.git import Commits, Entry


@dataclass(frozen=True)
class Revision:
    """One commit: its settings and the tenants whose files have no problem, by slug, and the problems of the others.

    With problems, a missing tenant is not a removed one: its file may be the one with a problem.
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
    listed = {commit: list_files(commits, commit) for commit in (base, head)}
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


@dataclass(frozen=True)
class _Reader:
    """Judges listed files by their contents; a file that both commits have is judged once."""

    contents: Mapping[str, bytes]
    _known: dict[tuple[str, bytes | Problem, tuple[str, ...] | None], JudgedTenant] = field(default_factory=dict)

    def read(self, commit: str, listed: ListedFiles) -> Revision:
        digests: dict[str, str] = {}
        source = self._source(PLATFORM_FILE, PLATFORM_FILE, listed.platform)
        _note(digests, PLATFORM_FILE, source)
        platform = judge_platform(source)
        sources = [self._source(f"{TENANTS_FOLDER}/{name}", name, entry) for name, entry in listed.tenants.items()]
        for source in sources:
            if is_slug(source.name.removesuffix(".yaml")):
                _note(digests, source.shown, source)
        tenants, more = judge_tenant_files(sources, lambda source: self._judge(source, platform.names))
        together = judge_together(platform, tenants, [*listed.problems, *more])
        return Revision(commit, together.settings, together.tenants, together.problems, digests)

    def _judge(self, source: SourceFile, platforms: tuple[str, ...] | None) -> JudgedTenant:
        key = (source.name, source.content, platforms)
        if key not in self._known:
            self._known[key] = judge_tenant_file(source, platforms)
        return self._known[key]

    def _source(self, path: str, name: str, entry: Entry | Problem) -> SourceFile:
        content = entry if isinstance(entry, Problem) else self.contents.get(entry.object_id)
        return SourceFile(shown(path), name, refuse_not_plain(shown(path)) if content is None else content)


def _note(digests: dict[str, str], path: str, source: SourceFile) -> None:
    if isinstance(source.content, bytes):
        digests[path] = hashlib.sha256(source.content).hexdigest()
