"""The playbooks as files: what every task keeps to, and a README that is never out of date."""

from pathlib import Path

import pytest
import yaml

from tests.unit.agents import role_readme

PLAYBOOKS = role_readme.ROLE.parents[1]
TASK_FILES = sorted((role_readme.ROLE / "tasks").glob("*.yml"))


def tasks_of(file: Path):
    def walk(tasks):
        for task in tasks:
            yield task
            for part in ("block", "always", "rescue"):
                yield from walk(task.get(part, []))

    return list(walk(yaml.safe_load(file.read_text())))


def test_the_readme_is_what_the_argument_spec_makes():
    assert role_readme.README.read_text() == role_readme.render()


@pytest.mark.parametrize("file", TASK_FILES, ids=lambda file: file.stem)
def test_a_task_that_is_given_a_secret_never_logs_it(file):
    for task in tasks_of(file):
        own = {key: value for key, value in task.items() if key not in ("block", "always")}
        if "restic_agent_credentials" in str(own):
            assert (task["no_log"], task["diff"]) == (True, False)


@pytest.mark.parametrize("file", TASK_FILES, ids=lambda file: file.stem)
def test_only_modules_that_come_with_ansible_itself_are_used(file):
    modules = [key for task in tasks_of(file) for key in task if "." in key]
    assert modules
    assert [name for name in modules if not name.startswith("ansible.builtin.")] == []


def test_checking_and_deploying_run_the_same_role_and_checking_looks_only():
    [deploy] = yaml.safe_load((PLAYBOOKS / "deploy_agents.yml").read_text())
    [check] = yaml.safe_load((PLAYBOOKS / "check_agents.yml").read_text())
    assert [role["role"] for role in deploy["roles"]] == [role["role"] for role in check["roles"]]
    assert check["check_mode"] is True
    assert check["roles"][0]["restic_agent_look_only"] is True
