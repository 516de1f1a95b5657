"""The README says what there is: every command, every exit code, the versions of the tools."""

import re
from pathlib import Path
from typing import Any

import typer.main

from coffre import errors, toolchain
from coffre.cli.main import INTERRUPTED, app
from coffre.cli.tenants.provisioning import CHANGES_PENDING

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")


def test_every_command_is_in_the_table() -> None:
    group: Any = typer.main.get_command(app)
    for name in group.commands:
        assert f"| `coffre {name}" in README


def test_every_exit_code_is_in_the_table() -> None:
    kinds = [errors.ExpectedError, *errors.ExpectedError.__subclasses__()]
    codes = {0, INTERRUPTED, CHANGES_PENDING} | {kind.exit_code for kind in kinds}
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)} == codes


def test_the_versions_are_those_that_are_built() -> None:
    assert f"pulumi {toolchain.PULUMI_VERSION}" in README
    assert f"restic {toolchain.RESTIC_VERSION}" in README


def test_the_tree_names_every_folder_and_room() -> None:
    root = Path(__file__).resolve().parents[2]
    tree = README[README.index("## Where things are") :]
    rooms = [path.name for path in (root / "coffre").iterdir() if (path / "__init__.py").exists()]
    for name in ["stacks/", "playbooks/", "agent/", "tools/", "tests/", "tenants/", *(f"{room}:" for room in rooms)]:
        assert name in tree
