"""The runbook has the transitions as the code has them, and types commands and a block that there are."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from coffre.cli.main import app
from coffre.offboarding.lifecycle.stages import render_table
from coffre.spec.leaving import Leaving

RUNBOOK = (Path(__file__).parents[3] / "docs" / "offboarding.md").read_text(encoding="utf-8")
SOURCES = Path(__file__).parents[3] / "coffre"
COMMANDS = sorted(set(re.findall(r"^coffre [^`\n]+|(?<=`)coffre [^`]+(?=`)", RUNBOOK, re.MULTILINE)))


def test_the_runbook_s_table_of_stages_is_the_code_s() -> None:
    assert RUNBOOK.endswith(render_table() + "\n")


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_that_it_types_is_one(line: str) -> None:
    command: Any = typer.main.get_command(app)
    words = shlex.split(line)[1:]
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known


def test_every_message_that_it_explains_is_one() -> None:
    rows = re.findall(r"^\| ([^|]*“[^|]*) \|", RUNBOOK, re.MULTILINE)
    quoted = [phrase for row in rows for phrase in re.findall("“(.*?)”", row)]
    assert len(quoted) == 11
    sources = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES.rglob("*.py"))
    missing = []
    for phrase in quoted:
        words = re.escape(phrase).replace("…", ".*").replace("TENANT", r"\{[^}]*\}")
        if not re.search(words, sources):
            missing.append(phrase)
    assert missing == []


def test_it_types_the_whole_procedure() -> None:
    said = "\n".join(COMMANDS)
    for words in (
        "--plan",
        "--approve",
        "--verify",
        "--key",
        "--attest",
        "--machine",
        "certificate verify",
        "hold list",
        "disclose",
    ):
        assert words in said


def test_its_block_is_one_that_the_file_may_have() -> None:
    block = re.search(r"```yaml\n(.*?)```", RUNBOOK, re.DOTALL)
    assert block
    leaving = Leaving.model_validate(yaml.safe_load(block[1])["leaving"], context={"file": True})
    assert leaving.return_ is not None
