"""The wheel is all that is needed: it carries every file, declares what it imports, and runs for a plain user."""

import hashlib
import os
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from coffre.toolchain import own_build
from tests.unit.cli.test_help import COMMANDS
from tests.wheels import build_wheel, make_environment, stage_programs

REPOSITORY = Path(__file__).resolve().parents[2]
NOBODY = 65534
OWN_COMMANDS = [name for name, _ in COMMANDS if name.split()[1:2] != ["lab"]]
"""The lab is a distribution of its own, and is not in the wheel."""


PROGRAMS = {
    f"{own_build()}/restic": b"#!/bin/sh\necho restic of the wheel\n",
    f"{own_build()}/coffre-agent": b"#!/bin/sh\necho agent of the wheel\n",
    "windows-amd64/restic.exe": b"MZ restic",
    "windows-amd64/coffre-agent.exe": b"MZ agent",
}
"""Short ones in place of the programs for machines; tests/e2e/test_from_a_wheel.py has the real ones."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    staged = stage_programs(tmp_path_factory.mktemp("programs"), PROGRAMS)
    return build_wheel(REPOSITORY, tmp_path_factory.mktemp("wheel"), staged)


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Iterator[Path]:
    """The folder of programs of a clean environment that has the wheel, and what it declares."""
    # Not below pytest's own folder, which nobody else may enter.
    folder = Path(tempfile.mkdtemp(prefix="coffre-wheel-"))
    folder.chmod(0o755)
    try:
        programs = make_environment(wheel, folder / "venv")
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
    assert not [name for name in names if "coffre_lab" in name]
    templates = [path for path in (REPOSITORY / "templates").rglob("*") if path.is_file()]
    assert templates
    assert {f"coffre/bundled/{path.relative_to(REPOSITORY)}" for path in templates} <= names


def test_everything_of_the_wheel_imports_with_what_it_declares(installed: Path) -> None:
    program = (
        "import coffre, stacks, importlib, pkgutil\n"
        "for package in (coffre, stacks):\n"
        "    for each in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        "        if each.name.rpartition('.')[2] not in ('__main__', 'env') and '.versions.' not in each.name:\n"
        "            try:\n"
        "                importlib.import_module(each.name)\n"
        "            except ModuleNotFoundError as missing:\n"
        "                print(each.name, missing.name)\n"
    )
    done = subprocess.run(
        [installed / "python", "-I", "-c", program], capture_output=True, text=True, timeout=200, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "stacks.aws pulumi_aws\n", "only what the extra `aws` brings may be missing"


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
    command = [installed / "python", "-I", "-c", program, *OWN_COMMANDS]
    for environment in ({}, {"LC_ALL": "C", "COLUMNS": "1"}, {"TERM": "dumb", "CI": "true", "COLUMNS": "x"}):
        done = subprocess.run(command, env=environment, capture_output=True, timeout=120, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout.count(b"Usage:") == len(OWN_COMMANDS)


def test_programs_that_the_wheel_has_not_are_named_with_what_brings_them(installed: Path) -> None:
    program = "from coffre.toolchain import find_tool; find_tool('pulumi')"
    done = subprocess.run([installed / "python", "-I", "-c", program], env={"PATH": "/nowhere"}, capture_output=True)
    assert b"ExpectedError: pulumi is neither in" in done.stderr


def ask(installed: Path, expression: str, **more: str) -> "subprocess.CompletedProcess[str]":
    program = (
        "import subprocess\nfrom coffre import toolchain\nfrom coffre.agents.restic.programs import *\n"
        f"print({expression})"
    )
    command = [installed / "python", "-I", "-c", program]
    return subprocess.run(command, env={"PATH": "/nowhere", **more}, capture_output=True, text=True, check=False)


def test_programs_for_machines_come_with_the_wheel_and_are_what_it_says(installed: Path) -> None:
    assert (
        ask(installed, "subprocess.check_output([AgentPrograms.find().agent])").stdout == "b'agent of the wheel\\n'\n"
    )
    shipped = ask(installed, "[each.sha256 for each in AgentPrograms.find(OperatingSystem.WINDOWS).installables()]")
    wanted = [hashlib.sha256(PROGRAMS[f"windows-amd64/{name}.exe"]).hexdigest() for name in ("coffre-agent", "restic")]
    assert shipped.stdout == f"{wanted}\n"
    assert (
        ask(installed, "sorted(list_restic_builds())", HOME="/nowhere").stdout
        == f"{sorted([own_build(), 'windows-amd64'])}\n"
    )
    missing = ask(installed, "AgentPrograms.find(OperatingSystem.MACOS)", HOME="/nowhere")
    assert "coffre-agent for darwin-arm64 was never built on this computer" in missing.stderr


def test_a_program_that_was_changed_after_the_installation_is_sent_to_no_machine(installed: Path) -> None:
    (changed,) = installed.parent.glob("lib/python*/site-packages/coffre/bundled/programs/windows-amd64/restic.exe")
    kept = changed.read_bytes()
    changed.write_bytes(b"MZ other")
    try:
        assert "is not the program" in ask(installed, f"toolchain.sha256_program(Path('{changed}'))").stderr
    finally:
        changed.write_bytes(kept)


@pytest.mark.parametrize("wrong", ["another file", "other content", "a file less"])
def test_no_wheel_is_built_of_programs_that_nobody_noted(tmp_path: Path, wrong: str) -> None:
    staged = stage_programs(tmp_path / "staged", PROGRAMS)
    if wrong == "a file less":
        (staged / "windows-amd64" / "restic.exe").unlink()
    else:
        (staged / ("extra" if wrong == "another file" else f"{own_build()}/restic")).write_bytes(b"unknown")
    with pytest.raises(subprocess.CalledProcessError) as failed:
        build_wheel(REPOSITORY, tmp_path / "wheel", staged)
    assert b"SHA256SUMS" in failed.value.stderr


@pytest.mark.parametrize("playbook", ["deploy_agents.yml", "acronis_agents.yml"])
def test_ansible_is_where_the_wheel_is(installed: Path, playbook: str) -> None:
    """And reads the playbooks there without any collection."""
    (playbooks,) = installed.parent.glob("lib/python*/site-packages/coffre/bundled/playbooks")
    done = subprocess.run(
        [installed / "ansible-playbook", "--syntax-check", "-i", "localhost,", playbooks / playbook],
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
