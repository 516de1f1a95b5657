"""Lists the files of a commit that count, platform.yaml and tenants/*.yaml, by the rules of a checkout; reads none."""

from collections.abc import Mapping
from dataclasses import dataclass

from coffre.errors import ExpectedError
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
from coffre.spec.problems.problems import Problem
from coffre.workspace.git import FETCH_WHOLE, Commits, Entry, EntryKind, FolderError

FILES_LIMIT = 20_000
"""The maximum of entries in tenants/: twice the largest repository that Coffre is made for."""
TOTAL_LIMIT_BYTES = 64 * 1024**2
"""The maximum of the tenants' files of a commit together: 20,000 files of usual size."""


@dataclass(frozen=True)
class ListedFiles:
    """The files of one commit before they are read, the tenants' by name: an entry to read, or the reason for none."""

    platform: Entry | Problem
    tenants: Mapping[str, Entry | Problem]
    problems: tuple[Problem, ...]

    def sizes(self) -> dict[str, int]:
        """Return the sizes in bytes of the objects to read, by their ids."""
        entries = [each for each in (self.platform, *self.tenants.values()) if isinstance(each, Entry)]
        return {each.object_id: each.size_bytes or 0 for each in entries}


def list_files(commits: Commits, commit: str) -> ListedFiles:
    """List the files of a commit; ExpectedError for a folder that git cannot read."""
    try:
        tree = commits.find_root(commit)
        entries = {entry.name: entry for entry in commits.list_folder(tree)} if tree is not None else {}
    except FolderError as error:
        return ListedFiles(_refuse_folder(".", error), {}, ())
    platform, folder = entries.get(PLATFORM_FILE.encode()), entries.get(TENANTS_FOLDER.encode())
    problems: list[Problem] = []
    tenants = _list_tenants(commits, folder, problems) if folder is not None else {}
    accepted = refuse_missing(PLATFORM_FILE) if platform is None else _accept(platform, PLATFORM_FILE)
    return ListedFiles(accepted, tenants, tuple(problems))


def _list_tenants(commits: Commits, folder: Entry, problems: list[Problem]) -> dict[str, Entry | Problem]:
    if folder.kind is not EntryKind.FOLDER:
        is_link = folder.kind is EntryKind.LINK
        problems.append(refuse_linked_folder() if is_link else refuse_unread_folder("Not a directory"))
        return {}
    try:
        entries = commits.list_folder(folder.object_id, FILES_LIMIT)
    except FolderError as error:
        problems.append(_refuse_folder(TENANTS_FOLDER, error))
        return {}
    by_name = {entry.name.decode("utf-8", "surrogateescape"): entry for entry in entries}
    found = {
        name: _accept(by_name[name], f"{TENANTS_FOLDER}/{name}") for name in choose_tenant_files(by_name, problems)
    }
    if sum(each.size_bytes or 0 for each in found.values() if isinstance(each, Entry)) > TOTAL_LIMIT_BYTES:
        message = f"the tenants' files have more than {TOTAL_LIMIT_BYTES >> 20} MiB together"
        problems.append(Problem(TENANTS_FOLDER, 1, 1, "", message, "no tenant of this commit was read"))
        return {}
    return found


def _refuse_folder(folder: str, error: FolderError) -> Problem:
    return Problem(folder, 1, 1, "", error.message, error.hint)


def _accept(entry: Entry, path: str) -> Entry | Problem:
    """Return an entry that is a plain file of a size that is read, else its problem."""
    name = shown(path)
    if entry.kind is EntryKind.LINK:
        return refuse_link(name, name)
    if entry.kind is not EntryKind.FILE:
        return refuse_not_plain(name)
    if entry.size_bytes is None:
        raise ExpectedError(f"the repository has no content of {name}", FETCH_WHOLE)
    return entry if entry.size_bytes <= SIZE_LIMIT_BYTES else refuse_large(name)
