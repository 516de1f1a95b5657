"""The wheel is all that is needed: it carries every file, declares what it imports, and runs for a plain user."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.unit.cli.test_help import COMMANDS

REPOSITORY = Path(__file__).resolve().parents[2]
NOBODY = 65534


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=True, timeout=120)
    (built,) = folder.glob("*.whl")
    return built


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


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Iterator[Path]:
    """The folder of programs of a clean environment that has the wheel, and what it declares."""
    # Not below pytest's own folder, which nobody else may enter.
    folder = Path(tempfile.mkdtemp(prefix="coffre-wheel-"))
    folder.chmod(0o755)
    try:
        venv.create(folder / "venv", with_pip=False, symlinks=True)
        programs = folder / "venv" / "bin"
        (packages,) = (folder / "venv").glob("lib/python*/site-packages")
        with zipfile.ZipFile(wheel) as packed:
            packed.extractall(packages)
        own = importlib.metadata.Distribution.at(next(packages.glob("coffre-*.dist-info")))
        for each in [own, *list_distributions(own.requires or [])]:
            install(each, packages, programs)
        shutil.copytree(REPOSITORY / "tenants", folder / "work" / "tenants")
        shutil.copy(REPOSITORY / "platform.yaml", folder / "work")
        yield programs
    finally:
        shutil.rmtree(folder)


def run(installed: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the command as a user who owns nothing, with no environment at all.

    He may read what he comes across: on whose computer the tests run, Python itself may be in a private home.
    """
    plain = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    plain += ["--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search"]
    return subprocess.run(
        [*(plain if os.geteuid() == 0 else []), str(installed / "coffre"), *arguments],
        cwd=installed.parents[1] / "work",
        env={},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


def test_the_wheel_carries_playbooks_migrations_and_the_program(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    playbooks = [path for path in (REPOSITORY / "playbooks").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    sources = [path for folder in ("coffre", "stacks") for path in (REPOSITORY / folder).rglob("*.py")]
    assert {f"coffre/bundled/{path.relative_to(REPOSITORY)}" for path in playbooks} <= names
    assert {str(path.relative_to(REPOSITORY)) for path in sources} <= names
    assert "coffre/bundled/Pulumi.yaml" in names
    templates = [path for path in (REPOSITORY / "templates").rglob("*") if path.is_file()]
    assert templates
    assert {f"coffre/bundled/{path.relative_to(REPOSITORY)}" for path in templates} <= names


def test_everything_of_the_wheel_imports_with_what_it_declares(installed: Path) -> None:
    program = (
        "import coffre, stacks, importlib, pkgutil\n"
        "for package in (coffre, stacks):\n"
        "    for each in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        "        if each.name.rpartition('.')[2] not in ('__main__', 'env') and '.versions.' not in each.name:\n"
        "            importlib.import_module(each.name)\n"
    )
    done = subprocess.run(
        [installed / "python", "-I", "-c", program], capture_output=True, text=True, timeout=200, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_plain_user_checks_the_example_tenants(installed: Path) -> None:
    done = run(installed, "check")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "2 tenants with 3 machines: no problem found\n"
    sheet = run(installed, "new", "--print-sheet")
    assert (sheet.returncode, sheet.stderr) == (0, "")
    assert "SMILÉO" in sheet.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("plan", "--all"), "`coffre lab up` writes it"),
        (("secrets", "init"), "permission denied"),
        (("status",), "`coffre lab up` writes it"),
    ],
)
def test_what_a_plain_user_lacks_is_one_sentence(installed: Path, arguments: tuple[str, ...], said: str) -> None:
    done = run(installed, *arguments)
    assert done.returncode == 1
    assert said in done.stderr
    assert "should not happen" not in done.stderr
    assert "Traceback" not in done.stderr


def test_every_command_explains_itself_anywhere(installed: Path) -> None:
    """All in one process, or it would take a minute."""
    program = (
        "import sys\nfrom coffre.cli.main import app\n"
        "for words in sys.argv[1:]:\n"
        "    try:\n        app([*words.split()[1:], '--help'])\n"
        "    except SystemExit as end:\n        assert not end.code, words\n"
    )
    command = [installed / "python", "-I", "-c", program, *(name for name, _ in COMMANDS)]
    for environment in ({}, {"LC_ALL": "C", "COLUMNS": "1"}, {"TERM": "dumb", "CI": "true", "COLUMNS": "x"}):
        done = subprocess.run(command, env=environment, capture_output=True, timeout=120, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout.count(b"Usage:") == len(COMMANDS)


def test_programs_that_the_wheel_has_not_are_named_with_what_brings_them(installed: Path) -> None:
    program = "from coffre.toolchain import find_tool; find_tool('restic')"
    done = subprocess.run([installed / "python", "-I", "-c", program], env={"PATH": "/nowhere"}, capture_output=True)
    assert b"ExpectedError: restic is neither in" in done.stderr


def test_ansible_is_where_the_wheel_is(installed: Path) -> None:
    """And reads the playbooks there without any collection."""
    (playbooks,) = installed.parent.glob("lib/python*/site-packages/coffre/bundled/playbooks")
    done = subprocess.run(
        [installed / "ansible-playbook", "--syntax-check", "-i", "localhost,", playbooks / "deploy_agents.yml"],
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": "/nonexistent",
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_HOME": str(installed.parents[1]),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
