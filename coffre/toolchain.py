"""Finds the programs and files that come with Coffre; holds their versions."""

import hashlib
import os
import shutil
import sys
from functools import cache
from pathlib import Path

from coffre.errors import ExpectedError
from coffre.outside.environment import home

PULUMI_VERSION = "3.259.0"
RESTIC_VERSION = "0.18.1"

PACKAGE = Path(__file__).resolve().parent


def find_tool(name: str) -> Path:
    """Return the path of a program: first beside the running Python (where set-up links them), then on PATH.

    Raises ExpectedError when it is in neither place.
    """
    beside = Path(sys.executable).parent
    found = shutil.which(name, path=str(beside)) or shutil.which(name)
    if found is None:
        raise ExpectedError(
            f"{name} is neither in {beside} nor on PATH",
            f"Put {name} on PATH; in a checkout, `make setup` installs or builds it.",
        )
    return Path(found)


def bundled(name: str) -> Path:
    """Return a file or directory that comes with Coffre (playbooks, templates, Pulumi.yaml).

    An installed wheel carries them inside the package; in a checkout they are at the repository's root.
    Raises ExpectedError when the installation is incomplete.
    """
    for candidate in (PACKAGE / "bundled" / name, PACKAGE.parent / name):
        if candidate.exists():
            return candidate
    raise ExpectedError(f"this installation of Coffre lacks {name}", "Run `make setup`, or install the wheel again.")


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_program(path: Path) -> str:
    """Return the SHA-256 of a program that Coffre sends to machines; ExpectedError when set-up noted another one.

    A program without a noted hash is accepted.
    """
    facts = path.stat()
    return _sha256_program(path, facts.st_size, facts.st_mtime_ns)


@cache
def _sha256_program(path: Path, _size_bytes: int, _changed_at: int) -> str:
    found, noted = sha256_file(path), _find_noted(path)
    if noted is not None and found != noted:
        raise ExpectedError(
            f"{path} is not the program that set-up installed: its SHA-256 is {found}, set-up noted {noted}",
            "Find out who changed it or whether the disk is bad, then run `make setup`, which builds it again. "
            "Nothing was sent to any machine.",
        )
    return found


def _find_noted(path: Path) -> str | None:
    """Return the hash that set-up noted beside its link; None when there is none or it belongs to another file."""
    try:
        noted, target = path.with_name(f".{path.name}.sha256").read_text(encoding="utf-8").split(maxsplit=1)
    except (OSError, ValueError):
        return None
    return noted if Path(target.strip()) == path.resolve() else None


def cache_directory() -> Path:
    """Return the tools cache, outside every checkout: set-up and the lab build its files once for all clones."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if Path(base).is_absolute() else home(os.environ) / ".cache") / "coffre"
