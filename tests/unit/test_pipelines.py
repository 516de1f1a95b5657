"""The pipelines that a repository of customers gets: what holds for every one of them, by reading the files."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from coffre.cli.main import app

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "templates" / "pipelines"
ACTIONS = sorted((FOLDER / "actions").glob("*.yml"))
GITLAB = FOLDER / "gitlab" / ".gitlab-ci.yml"
EVERY_ACTION = pytest.mark.parametrize("path", ACTIONS, ids=lambda path: path.stem)
HOSTILE = re.compile(r"\$\{\{.*?\}\}")


def read(path: Path) -> dict[str, Any]:
    # YAML 1.1 reads the key `on` as true.
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {("on" if key is True else key): value for key, value in found.items()}


def list_jobs(path: Path) -> list[dict[str, Any]]:
    return list(read(path)["jobs"].values())


def list_steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in list_jobs(path) for step in job["steps"]]


def list_scripts(path: Path) -> list[str]:
    if path != GITLAB:
        return [step["run"] for step in list_steps(path)]
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    jobs = [job for job in found.values() if isinstance(job, dict) and "script" in job]
    return ["\n".join(line if isinstance(line, str) else "\n".join(line) for line in job["script"]) for job in jobs]


def test_there_are_the_four() -> None:
    assert [path.stem for path in ACTIONS] == ["apply", "check", "nightly", "review"]


@EVERY_ACTION
def test_no_expression_is_part_of_a_script(path: Path) -> None:
    """The host puts an expression's value into the script before the shell reads it: a branch's name would be run."""
    for script in list_scripts(path):
        assert not HOSTILE.search(script)


@EVERY_ACTION
def test_an_action_of_others_would_be_pinned_by_its_whole_hash(path: Path) -> None:
    for step in list_steps(path):
        assert re.fullmatch(r"\S+@[0-9a-f]{40}", step["uses"]) if "uses" in step else "run" in step


@EVERY_ACTION
def test_a_run_is_about_the_commit_of_its_own_event(path: Path) -> None:
    """For `github.sha` Gitea takes the branch's newest commit when it gets to the event: maybe another's."""
    assert not re.search(r"github\.sha|GITHUB_SHA", path.read_text(encoding="utf-8").replace("`github.sha`", ""))


@EVERY_ACTION
def test_rights_are_named_and_no_more_than_needed(path: Path) -> None:
    granted = {**(read(path)["permissions"] or {})}
    for job in list_jobs(path):
        granted |= job.get("permissions", {})
    writes = {name for name, right in granted.items() if right == "write"}
    assert writes == ({"pull-requests", "statuses"} if path.stem == "review" else set())
    assert set(granted.values()) <= {"read", "write"}


@EVERY_ACTION
def test_secrets_are_in_jobs_that_run_what_main_has(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if "secrets." not in text:
        assert path.stem == "check"
        return
    on = read(path)["on"]
    assert set(on) <= {"pull_request_target", "push", "schedule", "workflow_dispatch"}
    if "push" in on:
        assert on["push"]["branches"] == ["main"]
    for job in list_jobs(path):
        assert job["environment"].startswith("coffre-")
        assert job["runs-on"] == "coffre"


def test_a_review_checks_nothing_of_the_pull_request_out_and_leaves_forks_alone() -> None:
    (job,) = list_jobs(FOLDER / "actions" / "review.yml")
    assert job["if"] == "github.event.pull_request.head.repo.full_name == github.repository"
    checkouts = re.findall(r"git checkout .*", "\n".join(step["run"] for step in job["steps"]))
    assert checkouts == ["git checkout --quiet --detach refs/coffre/base"]


def test_nothing_that_a_pull_request_starts_asks_a_platform_without_secrets() -> None:
    for script in list_scripts(FOLDER / "actions" / "check.yml"):
        for words in commands_of(script):
            assert words[0] == "check" or "--offline" in words


@pytest.mark.parametrize("path", [*ACTIONS, GITLAB], ids=lambda path: path.stem)
def test_an_identity_is_written_for_its_owner_and_removed_at_the_end(path: Path) -> None:
    for script in list_scripts(path):
        if "IDENTITY" in script:
            assert script.index("umask 077") < script.index("mktemp") < script.index("printf")
            assert "trap 'rm -f \"$COFFRE_IDENTITY\"' EXIT" in script


def commands_of(script: str) -> list[list[str]]:
    """Return the words of each call of coffre in a script, without --root and its folder."""
    found = []
    for line in script.splitlines():
        place = re.search(r"(?<![\w/-])coffre (?!\|)", line)
        if place is not None:
            words = shlex.split(re.split(r"\s(?:\|\||<)", line[place.end() :])[0])
            found.append(words[2:] if words[0] == "--root" else words)
    return found


@pytest.mark.parametrize("path", [*ACTIONS, GITLAB], ids=lambda path: path.stem)
def test_every_command_is_one_that_coffre_has_with_these_options(path: Path) -> None:
    group = typer.main.get_command(app)
    calls = [words for script in list_scripts(path) for words in commands_of(script)]
    assert calls
    for name, *arguments in calls:
        command = group.commands[name]  # type: ignore[attr-defined]
        filled = [re.sub(r'\$\w*NUMBER"?', "7", word) for word in arguments]
        command.make_context(name, filled, resilient_parsing=False).close()
