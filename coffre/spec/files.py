"""The files of a repository: which there are, and their bytes."""

import os
import stat
from pathlib import Path

from coffre.spec.problems import Problem
from coffre.spec.quoting import on_one_line

PLATFORM_FILE = "platform.yaml"
TENANTS_FOLDER = "tenants"
SIZE_LIMIT_BYTES = 1 << 20

_FILE_RULE = "a tenant's file is called SLUG.yaml; move anything else out of tenants/"


def list_tenant_files(root: Path, problems: list[Problem]) -> list[Path]:
    """Return tenants/*.yaml in order. Any other file there is a problem: it may be a tenant that nobody serves."""
    folder = root / TENANTS_FOLDER
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208 - a thousand Path objects would be made for nothing
    except FileNotFoundError:
        return []
    except OSError as error:
        problems.append(Problem(TENANTS_FOLDER, 1, 1, "", f"the folder cannot be read: {error.strerror}"))
        return []
    visible = [name for name in names if not name.startswith(".") and not name.endswith(".md")]
    for name in visible:
        if not name.endswith(".yaml"):
            place = f"{TENANTS_FOLDER}/{on_one_line(name)}"
            problems.append(Problem(place, 1, 1, "", "this is not a tenant file", _FILE_RULE))
    return [folder / name for name in visible if name.endswith(".yaml")]


def display_name(path: Path, root: Path) -> str:
    """Name a file as the user would: below the root without it, else as it was given."""
    try:
        shown = path.relative_to(root)
    except ValueError:
        try:
            shown = path.resolve().relative_to(root.resolve())
        except ValueError:
            shown = path
    return on_one_line(shown.as_posix(), length=400)


def read_bytes(path: Path, name: str) -> bytes | Problem:
    """Return a file's bytes, one past the size limit at most; a problem when there is no plain file to read."""
    try:
        # A pipe of that name would wait for ever without O_NONBLOCK.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return Problem(name, 1, 1, "", "this is not a plain file", _FILE_RULE)
            return file.read(SIZE_LIMIT_BYTES + 1)
    except FileNotFoundError:
        hint = "the root is the folder that holds platform.yaml and tenants/: name it with --root"
        return Problem(name, 1, 1, "", "there is no such file", hint if name == PLATFORM_FILE else "")
    except IsADirectoryError:
        return Problem(name, 1, 1, "", "this is not a plain file", _FILE_RULE)
    except (OSError, ValueError) as error:
        return Problem(name, 1, 1, "", f"the file cannot be read: {getattr(error, 'strerror', None) or error}")
