"""Who and from which commit, asked of a real git."""

import os
import subprocess
from pathlib import Path

import pytest

from coffre.records.actor import read_author


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """No configuration of the machine or of its user reaches git."""
    home = tmp_path / "home"
    home.mkdir()
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CEILING_DIRECTORIES": str(tmp_path),
        "LOGNAME": "claire",
    }


@pytest.fixture
def checkout(tmp_path: Path, environment: dict[str, str]) -> Path:
    root = tmp_path / "checkout"
    root.mkdir()
    (root / "platform.yaml").write_text("version: 1\n")
    commit = ["-c", "user.name=c", "-c", "user.email=c@c", "commit", "-qm", "first"]
    for arguments in (["init", "-q"], ["add", "."], commit):
        subprocess.run(["git", "-C", str(root), *arguments], env=environment, check=True)
    return root


def head(root: Path, environment: dict[str, str]) -> str:
    command = ["git", "-C", str(root), "rev-parse", "HEAD"]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()


def test_clean_checkout_gives_its_commit(checkout: Path, environment: dict[str, str]) -> None:
    assert read_author(checkout, environment).commit == head(checkout, environment)


@pytest.mark.parametrize("name", ["platform.yaml", "new.yaml"])
def test_changed_or_new_file_makes_it_dirty(checkout: Path, environment: dict[str, str], name: str) -> None:
    (checkout / name).write_text("changed\n")
    assert read_author(checkout, environment).commit == head(checkout, environment) + "+dirty"


def test_no_checkout_or_no_commit_gives_no_commit(tmp_path: Path, environment: dict[str, str]) -> None:
    assert read_author(tmp_path, environment).commit is None
    subprocess.run(["git", "-C", str(tmp_path), "init", "-q"], env=environment, check=True)
    assert read_author(tmp_path, environment).commit is None


def test_without_git_there_is_no_commit(checkout: Path, environment: dict[str, str]) -> None:
    author = read_author(checkout, environment | {"PATH": "/nowhere"})
    assert author.commit is None
    assert author.actor == "claire"


def test_variables_of_a_git_hook_do_not_mislead(checkout: Path, environment: dict[str, str], tmp_path: Path) -> None:
    hook = {"GIT_DIR": str(tmp_path / "other"), "GIT_INDEX_FILE": "x"}
    assert read_author(checkout, environment | hook).commit == head(checkout, environment)


def test_actor_is_the_variable_then_git_s_email_then_the_login(checkout: Path, environment: dict[str, str]) -> None:
    assert read_author(checkout, environment).actor == "claire"
    (Path(environment["HOME"]) / ".gitconfig").write_text("[user]\nemail = claire@example.org\n")
    assert read_author(checkout, environment).actor == "claire@example.org"
    assert read_author(checkout, environment | {"COFFRE_ACTOR": " ci "}).actor == "ci"


def test_actor_without_any_name_is_still_somebody(tmp_path: Path, environment: dict[str, str]) -> None:
    del environment["LOGNAME"]
    assert read_author(tmp_path, environment).actor


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("anna\x1b[2J\x1b]0;x\x07@x.example", "anna\\x1b[2J\\x1b]0;x\\x07@x.example"),
        ("anna@x.example\n2026-11-02 erased by marc", "anna@x.example 2026-11-02 erased by marc"),
        ("\u202eanna\u2066", "\\u202eanna\\u2066"),
        ("a" * 5000, "a" * 199 + "…"),
    ],
)
def test_a_name_that_steers_a_terminal_or_forges_a_line_is_one_plain_line(
    checkout: Path, environment: dict[str, str], typed: str, stored: str
) -> None:
    assert read_author(checkout, environment | {"COFFRE_ACTOR": typed}).actor == stored
    (Path(environment["HOME"]) / ".gitconfig").write_text('[user]\nemail = "an\\tna\u202e@x.example"\n')
    assert read_author(checkout, environment).actor == "an na\\u202e@x.example"
    (Path(environment["HOME"]) / ".gitconfig").unlink()
    assert read_author(checkout, environment | {"LOGNAME": typed}).actor == stored
