"""The command line as it explains itself: every command has a sentence, and a change of it is seen in review."""

import os
from pathlib import Path
from typing import Any

import pytest
import typer.main

from coffre.cli.main import app

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "help.txt"


def commands(command: Any, name: str) -> list[tuple[str, Any]]:
    found = [(name, command)]
    for child_name, child in getattr(command, "commands", {}).items():
        found += commands(child, f"{name} {child_name}")
    return found


COMMANDS = commands(typer.main.get_command(app), "coffre")


def test_help_of_every_command_is_the_golden_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """COFFRE_UPDATE_GOLDEN=1 writes the file anew; git shows what changed."""
    monkeypatch.setenv("COLUMNS", "100")
    texts = []
    for name, command in COMMANDS:
        context = command.make_context(name, [], resilient_parsing=True, terminal_width=100, max_content_width=100)
        texts.append(f"$ {name} --help\n{command.get_help(context)}\n")
    text = "\n".join(texts)
    if os.environ.get("COFFRE_UPDATE_GOLDEN") == "1":
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_every_command_and_option_says_what_it_is_for(name: str, command: Any) -> None:
    assert command.help, f"{name} has no help"
    for parameter in command.params:
        assert getattr(parameter, "help", None) or parameter.name == "help", f"{name}: {parameter.name} has no help"
