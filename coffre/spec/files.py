"""Finds the files of a repository and reads their bytes; the rules here hold for a checkout and for a commit alike."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from coffre.errors import InvalidFileError
from coffre.outside.files import NotPlainFileError, TooLargeError, read_plain
from coffre.spec.naming import ID_PATTERN
from coffre.spec.problems.problems import Problem
from coffre.spec.problems.quoting import on_one_line
from coffre.workspace.paths import WORK_FOLDER

PLATFORM_FILE = "platform.yaml"
TENANTS_FOLDER = "tenants"
SIZE_LIMIT_BYTES = 1 << 20
_ID = re.compile(rf"^id:\s*[\"']?({ID_PATTERN})\b".encode(), re.MULTILINE)

_NO_LINKS = "a link could lead anywhere on this computer: put the file itself into the repository"
_FILE_RULE = "a tenant's file is called SLUG.yaml; move anything else out of tenants/"


def choose_tenant_files(names: Iterable[str], problems: list[Problem]) -> list[str]:
    """Return the names in tenants/ that are tenants' files, in order; hidden ones and notes (*.md) are passed over.

    Any other name is a problem: it may be a tenant without service.
    """
    visible = [name for name in sorted(names) if not name.startswith(".") and not name.endswith(".md")]
    for name in visible:
        if not name.endswith(".yaml"):
            place = f"{TENANTS_FOLDER}/{on_one_line(name)}"
            problems.append(Problem(place, 1, 1, "", "this is not a tenant file", _FILE_RULE))
    return [name for name in visible if name.endswith(".yaml")]


def refuse_linked_folder() -> Problem:
    """Return the problem of a tenants/ that is a link."""
    return Problem(TENANTS_FOLDER, 1, 1, "", "the folder is a link", _NO_LINKS)


def refuse_unread_folder(reason: str) -> Problem:
    """Return the problem of a tenants/ without a list of files."""
    return Problem(TENANTS_FOLDER, 1, 1, "", f"the folder cannot be read: {reason}")


def refuse_link(name: str, link: str) -> Problem:
    """Return the problem of a file that is a link, or is behind one."""
    return Problem(name, 1, 1, "", f"{link} is a link", _NO_LINKS)


def refuse_missing(name: str) -> Problem:
    """Return the problem of a file that is not there."""
    hint = "the root is the folder that holds platform.yaml and tenants/: name it with --root"
    return Problem(name, 1, 1, "", "there is no such file", hint if name == PLATFORM_FILE else "")


def refuse_not_plain(name: str) -> Problem:
    """Return the problem of a folder, a pipe, a device or a submodule in a file's place."""
    return Problem(name, 1, 1, "", "this is not a plain file", _FILE_RULE)


def refuse_large(name: str) -> Problem:
    """Return the problem of a file beyond SIZE_LIMIT_BYTES."""
    return Problem(name, 1, 1, "", "the file is larger than 1 MiB", "a file of this kind holds a few hundred lines")


def shown(path: str) -> str:
    """Return a path below the root as problems show it."""
    return on_one_line(path, length=400)


def list_tenant_files(root: Path, problems: list[Problem]) -> list[Path]:
    """Return tenants/*.yaml in order. Any other file there is a problem: it may be a tenant without service."""
    folder = root / TENANTS_FOLDER
    try:
        if folder.is_symlink():
            problems.append(refuse_linked_folder())
            return []
        names = os.listdir(folder)  # noqa: PTH208 - a thousand Path objects would be made for nothing
    except FileNotFoundError:
        return []
    except OSError as error:
        problems.append(refuse_unread_folder(error.strerror or "it is no folder"))
        return []
    return [folder / name for name in choose_tenant_files(names, problems)]


def list_ids(root: Path) -> set[str]:
    """Return the ids that the files in tenants/ state, also of files with other problems."""
    found: set[str] = set()
    for path in list_tenant_files(root, []):
        content = read_bytes(path, path.name, root)
        if isinstance(content, bytes):
            found |= {each.decode() for each in _ID.findall(content)}
    return found


def display_name(path: Path, root: Path) -> str:
    """Name a file as the user does: relative to the root when it is below, else as given."""
    try:
        below = path.relative_to(root)
    except ValueError:
        try:
            below = path.resolve().relative_to(root.resolve())
        except ValueError:
            below = path
    return shown(below.as_posix())


def read_bytes(path: Path, name: str, root: Path | None = None) -> bytes | Problem:
    """Return a file's bytes; a problem when it is not a plain file, too large, or behind a link below ``root``."""
    try:
        if root is not None and (link := find_link(root, path)) is not None:
            return refuse_link(name, display_name(link, root))
        return read_plain(path, SIZE_LIMIT_BYTES)
    except TooLargeError:
        return refuse_large(name)
    except FileNotFoundError:
        return refuse_missing(name)
    except NotPlainFileError:
        return refuse_not_plain(name)
    except (OSError, ValueError) as error:
        return Problem(name, 1, 1, "", f"the file cannot be read: {getattr(error, 'strerror', None) or error}")


def find_link(root: Path, path: Path) -> Path | None:
    """Return the first link on the path from a repository's root to a file; None outside the root."""
    if not path.is_relative_to(root):
        return None
    place = root
    for part in path.relative_to(root).parts:
        place /= part
        if place.is_symlink() and not _is_shared_work_folder(root, place):
            return place
    return None


def _is_shared_work_folder(root: Path, place: Path) -> bool:
    """Tell whether this is a link to the `.coffre` of another checkout: this link is allowed."""
    return place == root / WORK_FOLDER and place.resolve().name == WORK_FOLDER.name and place.is_dir()


def repository_file(root: Path, named: str | Path) -> Path:
    """Return the path of a file that the repository names; the file need not exist.

    A link, pipe or device is an InvalidFileError: with one, an author of the repository could read other files. A file
    outside the repository belongs to the operator and may be a link.
    """
    path = root / named
    try:
        link, is_other = find_link(root, path), path.exists() and not path.is_file()
    except OSError as error:  # the name is too long
        raise InvalidFileError(f"{display_name(path, root)}: {error.strerror}", "Name a plain file.") from error
    if link is not None:
        raise InvalidFileError(f"{display_name(link, root)} is a link", f"{_NO_LINKS[0].upper()}{_NO_LINKS[1:]}.")
    if is_other:
        raise InvalidFileError(f"{display_name(path, root)} is not a plain file", "Name a plain file.")
    return path
