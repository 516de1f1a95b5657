"""A wheel of Coffre, built and put into an environment of its own, which sees what the wheel declares and no more."""

import importlib.metadata
import re
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement


def build_wheel(checkout: Path, folder: Path) -> Path:
    """Build the wheel of a checkout into a folder; returns its file."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=checkout, capture_output=True, check=True, timeout=120)
    (built,) = folder.glob("*.whl")
    return built


def make_environment(wheel: Path, folder: Path) -> Path:
    """Make an environment that has a wheel and what it declares; returns its folder of programs."""
    venv.create(folder, with_pip=False, symlinks=True)
    programs = folder / "bin"
    (packages,) = folder.glob("lib/python*/site-packages")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(packages)
    own = importlib.metadata.Distribution.at(next(packages.glob("coffre-*.dist-info")))
    for each in [own, *list_distributions(own.requires or [])]:
        install(each, packages, programs)
    return programs


def list_requirements(requires: list[str], extras: set[str]) -> Iterator[Requirement]:
    for each in map(Requirement, requires):
        if each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in extras | {""}):
            yield each


def list_distributions(requires: list[str]) -> list[importlib.metadata.Distribution]:
    """Return what requirements come to, as it is installed here and locked: no more than is declared."""
    found: dict[tuple[str, frozenset[str]], importlib.metadata.Distribution] = {}
    waiting = list(list_requirements(requires, set()))
    while waiting:
        each = waiting.pop()
        key = (re.sub(r"[-_.]+", "-", each.name).lower(), frozenset(each.extras))
        if key not in found:
            found[key] = importlib.metadata.distribution(each.name)
            waiting += list_requirements(found[key].requires or [], set(each.extras))
    return list(found.values())


def install(distribution: importlib.metadata.Distribution, packages: Path, programs: Path) -> None:
    """Put a distribution of ours into another environment by links, and the programs that it declares."""
    for file in distribution.files or []:
        top = file.parts[0]
        if top not in ("..", "__pycache__") and not (packages / top).exists():
            (packages / top).symlink_to(str(distribution.locate_file(top)))
    for entry in distribution.entry_points.select(group="console_scripts"):
        program = programs / entry.name
        program.write_text(
            f"#!{programs}/python\nimport sys\nfrom {entry.module} import {entry.attr}\nsys.exit({entry.attr}())\n"
        )
        program.chmod(0o755)
