"""A wheel of Coffre, built and put into an environment of its own, which sees what the wheel declares and no more."""

import hashlib
import importlib.metadata
import os
import re
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from packaging.requirements import Requirement


def stage_programs(folder: Path, programs: Mapping[str, bytes]) -> Path:
    """Put programs for machines, each by BUILD/NAME, into a folder as `make wheel` does; returns the folder."""
    lines = []
    for name, content in sorted(programs.items()):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o755)
        lines.append(f"{hashlib.sha256(content).hexdigest()}  {name}\n")
    (folder / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")
    return folder


def build_wheel(checkout: Path, folder: Path, staged: Path | None = None) -> Path:
    """Build the wheel of a checkout into a folder, with the programs of a staged one; returns its file."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    programs = {} if staged is None else {"COFFRE_WHEEL_PROGRAMS": str(staged)}
    subprocess.run(command, cwd=checkout, env=os.environ | programs, capture_output=True, check=True, timeout=120)
    (built,) = folder.glob("*.whl")
    return built


def make_environment(wheel: Path, folder: Path) -> Path:
    """Make an environment that has a wheel and what it declares; returns its folder of programs."""
    venv.create(folder, with_pip=False, symlinks=True)
    programs = folder / "bin"
    (packages,) = folder.glob("lib/python*/site-packages")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(packages)
        for each in packed.infolist():
            # As installers do, and zipfile does not.
            if each.external_attr >> 16 & 0o100:
                (packages / each.filename).chmod(0o755)
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
