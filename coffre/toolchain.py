"""Finds the programs and files that come with Coffre; holds their versions."""

import hashlib
import os
import platform
import shutil
import sys
from functools import cache
from pathlib import Path

from coffre.errors import ExpectedError
from coffre.outside.environment import home

PULUMI_VERSION = "3.259.0"
RESTIC_VERSION = "0.18.1"

CARRIED_SUMS = "SHA256SUMS"
"""The hashes of the programs that a wheel carries, as sha256sum writes them."""

_PROCESSORS = {"x86_64": "amd64", "aarch64": "arm64"}

PACKAGE = Path(__file__).resolve().parent


def find_tool(name: str) -> Path:
    """Return the path of a program: beside the running Python (where set-up links them), in the wheel, then on PATH.

    Raises ExpectedError when it is in none of these places.
    """
    beside = Path(sys.executable).parent
    found = shutil.which(name, path=str(beside)) or find_carried(name, own_build()) or shutil.which(name)
    if found is None:
        version = {"pulumi": f" {PULUMI_VERSION}", "restic": f" {RESTIC_VERSION}"}.get(name, "")
        raise ExpectedError(
            f"{name} is neither in {beside} nor on PATH",
            f"Put {name}{version} on PATH; in a checkout, `make setup` installs or builds it.",
        )
    return Path(found)


def own_build() -> str:
    """Return this computer's system and processor as builds of programs are named: linux-amd64."""
    machine = platform.machine()
    return f"{sys.platform}-{_PROCESSORS.get(machine, machine)}"


def find_carried(name: str, build: str) -> Path | None:
    """Return a program for machines of a build that an installed wheel carries; None where it carries none."""
    path = carried_folder() / build / name
    return path if path.is_file() else None


def list_carried(name: str) -> dict[str, Path]:
    """Return a program by each build for which an installed wheel carries it."""
    return {path.parent.name: path for path in sorted(carried_folder().glob(f"*/{name}"))}


def carried_folder() -> Path:
    """Return the folder of the wheel's programs for machines, one folder a build; a checkout has none."""
    return PACKAGE / "bundled" / "programs"


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
    """Return the SHA-256 of a program that Coffre sends to machines; ExpectedError when another one was noted.

    Set-up notes it beside its links, the wheel for all that it carries. A program without a noted hash is accepted.
    """
    facts = path.stat()
    return _sha256_program(path, facts.st_size, facts.st_mtime_ns)


@cache
def _sha256_program(path: Path, _size_bytes: int, _changed_at: int) -> str:
    found, noted = sha256_file(path), _find_noted(path)
    if noted is not None and found != noted:
        raise ExpectedError(
            f"{path} is not the program that set-up installed: its SHA-256 is {found}, set-up noted {noted}",
            "Find out who changed it or whether the disk is bad, then run `make setup`, which builds it again (with a "
            "wheel: install it again). Nothing was sent to any machine.",
        )
    return found


def _find_noted(path: Path) -> str | None:
    """Return the hash that set-up noted beside its link, or the wheel; None when there is none or it is another's."""
    if path.is_relative_to(carried_folder()):
        return _noted_in_wheel().get(str(path.relative_to(carried_folder())))
    try:
        noted, target = path.with_name(f".{path.name}.sha256").read_text(encoding="utf-8").split(maxsplit=1)
    except (OSError, ValueError):
        return None
    return noted if Path(target.strip()) == path.resolve() else None


def _noted_in_wheel() -> dict[str, str]:
    lines = (carried_folder() / CARRIED_SUMS).read_text(encoding="utf-8").splitlines()
    return {name: noted for noted, name in (line.split(maxsplit=1) for line in lines)}


def cache_directory() -> Path:
    """Return the tools cache, outside every checkout: set-up and the lab build its files once for all clones."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if Path(base).is_absolute() else home(os.environ) / ".cache") / "coffre"
