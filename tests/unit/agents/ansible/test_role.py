"""The playbooks as files: what every task keeps to, and a README that is never out of date."""

import base64
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from coffre.agents.restic.inventory import GROUPS, ROLES
from tests.unit.agents.ansible import role_readme

PLAYBOOKS = role_readme.ROLES[0].parents[1]
WINDOWS = PLAYBOOKS / "roles" / "restic_agent_windows"
TASK_FILES = sorted(file for role in role_readme.ROLES for file in (role / "tasks").glob("*.yml"))


def tasks_of(file: Path):
    def walk(tasks):
        for task in tasks:
            yield task
            for part in ("block", "always", "rescue"):
                yield from walk(task.get(part, []))

    return list(walk(yaml.safe_load(file.read_text())))


@pytest.mark.parametrize("role", role_readme.ROLES, ids=lambda role: role.name)
def test_the_readme_is_what_the_argument_spec_makes(role):
    assert (role / "README.md").read_text() == role_readme.render(role)


@pytest.mark.parametrize("file", TASK_FILES, ids=lambda file: f"{file.parents[1].name}-{file.stem}")
def test_a_task_that_is_given_a_secret_never_logs_it(file):
    for task in tasks_of(file):
        own = {key: value for key, value in task.items() if key not in ("block", "always")}
        if re.search("restic_agent[a-z_]*_credentials", str(own)):
            assert (task["no_log"], task["diff"]) == (True, False)


def test_what_places_secrets_says_none_of_them_however_loud_and_however_it_fails(tmp_path):
    """On Linux credentials come among the files of coffre_place, whose failures are shown: asked of Ansible itself."""
    secret = base64.b64encode(b"an access key and its secret").decode()
    file = {"path": f"{tmp_path}/nowhere/credentials.json", "mode": "0600", "sha256": "0" * 64, "content": secret}
    for files in ([file], [{**file, "mode": "none"}], [{**file, "content": f"{secret}="}], secret):
        task = {"name": "Place it", "coffre_place": {"folders": [], "files": files}}
        play = {"name": "Place", "hosts": "all", "gather_facts": False, "tasks": [task]}
        (tmp_path / "play.yml").write_text(yaml.safe_dump([play]))
        call = ["ansible-playbook", "-vvv", "--connection", "local", "--inventory", "m,", str(tmp_path / "play.yml")]
        plugins = PLAYBOOKS / "roles" / "restic_agent" / "action_plugins"
        done = _run_ansible(call, tmp_path, ANSIBLE_ACTION_PLUGINS=str(plugins))
        said = done.stdout + done.stderr
        assert done.returncode == 2
        assert "Place it" in said
        assert secret not in said.replace(str(tmp_path / "play.yml"), "")


@pytest.mark.parametrize("file", TASK_FILES, ids=lambda file: f"{file.parents[1].name}-{file.stem}")
def test_only_modules_that_set_up_brings_are_used(file):
    """ansible.windows is the one collection that does not come with Ansible; on Windows all else runs here."""
    modules = [key for task in tasks_of(file) for key in task if "." in key]
    own = ("ansible.builtin.fail", "ansible.builtin.import_tasks")
    brought = ("ansible.windows.", *own) if "windows" in str(file) else ("ansible.builtin.",)
    assert modules
    assert [name for name in modules if not name.startswith(brought)] == []


def test_deploying_and_removing_run_the_same_roles():
    deploy = yaml.safe_load((PLAYBOOKS / "deploy_agents.yml").read_text())
    remove = yaml.safe_load((PLAYBOOKS / "remove_agents.yml").read_text())
    roles = [_role_of(play) for play in deploy]
    assert roles == [_role_of(play) for play in remove] == list(ROLES.values())
    for plays in (deploy, remove):
        assert [play["hosts"] for play in plays] == list(GROUPS.values())


@pytest.mark.parametrize("role", ROLES.values())
def test_a_role_looks_only_when_ansible_is_told_to_check(role):
    defaults = yaml.safe_load((PLAYBOOKS / "roles" / role / "defaults" / "main.yml").read_text())
    assert defaults[f"{role}_look_only"] == "{{ ansible_check_mode }}"


def _role_of(play):
    """Return the role of a play, whichever way it takes it in."""
    if "roles" in play:
        return play["roles"][0]["role"]
    (task,) = play["tasks"]
    return next(task[key]["name"] for key in task if key.endswith("_role"))


def _run_ansible(call, folder, **settings):
    own = {"ANSIBLE_LOCAL_TEMP": str(folder), "ANSIBLE_HOME": str(folder), **settings}
    environment = {**os.environ, **own, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    return subprocess.run(call, capture_output=True, text=True, env=environment, check=False)


def _check_syntax(playbook, folder, **settings):
    call = ["ansible-playbook", "--syntax-check", "--inventory", "localhost,", str(playbook)]
    done = _run_ansible(call, folder, ANSIBLE_ROLES_PATH=str(PLAYBOOKS / "roles"), **settings)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("playbook", ["deploy_agents.yml", "remove_agents.yml"])
def test_the_playbooks_are_sound_to_an_ansible_without_collections(playbook, tmp_path):
    """Machines that run Linux need none."""
    nowhere = {"ANSIBLE_COLLECTIONS_PATH": str(tmp_path), "ANSIBLE_COLLECTIONS_SCAN_SYS_PATH": "False"}
    _check_syntax(PLAYBOOKS / playbook, tmp_path, **nowhere)


def test_the_roles_of_every_system_are_sound_to_ansible(tmp_path):
    """Windows and macOS cannot be run here: that Ansible can read them, modules and all, is what can be seen."""
    plays = [
        {
            "name": "Read it",
            "hosts": "all",
            "gather_facts": False,
            "tasks": [
                {"name": part, "ansible.builtin.import_role": {"name": role, "tasks_from": part}}
                for role in ROLES.values()
                for part in ("main", "remove")
            ],
        }
    ]
    (tmp_path / "all.yml").write_text(yaml.safe_dump(plays))
    _check_syntax(tmp_path / "all.yml", tmp_path)


def test_what_is_secret_on_windows_is_closed_to_all_but_the_system_and_its_administrators():
    """The agent itself refuses to start with any other owner or access (files/private_windows.go)."""
    variables = yaml.safe_load((WINDOWS / "vars" / "main.yml").read_text())
    for name, inherits in (("directory", "OICI"), ("file", "")):
        access = variables[f"restic_agent_windows_private_{name}"]
        assert access == f"O:BAD:P(A;{inherits};FA;;;SY)(A;{inherits};FA;;;BA)"
    written = [task for task in tasks_of(WINDOWS / "tasks" / "main.yml") if "private_file.ps1" in str(task)]
    names = [item["name"] for task in written for item in task.get("loop", [])]
    names += ["credentials.json" for task in written if "credentials.json" in str(task)]
    assert sorted(names) == ["agent.json", "ca.pem", "credentials.json"]
    for task in written:
        module = task["ansible.windows.win_powershell"]
        assert module["parameters"]["Access"] == "{{ restic_agent_windows_private_file }}"
        assert [each["name"] for each in module["sensitive_parameters"]] == ["Content"]


def test_access_is_right_before_content_is_there():
    script = (WINDOWS / "files" / "private_file.ps1").read_text()
    assert script.index("Set-Acl -LiteralPath $new") < script.index("WriteAllBytes($new") < script.index("Move-Item")


def test_a_program_on_windows_gets_its_place_after_its_hash_is_seen():
    script = (WINDOWS / "files" / "place_program.ps1").read_text()
    assert script.index("Get-FileHash") < script.index("throw") < script.index("Move-Item")


def test_where_the_agent_looks_for_its_files_is_where_the_roles_put_them():
    places = {"windows": PLAYBOOKS.parent / "agent/internal/config/places_windows.go"}
    places["macos"] = places["windows"].with_name("places_darwin.go")
    for system, source in places.items():
        constants = dict(re.findall(r'(\w+Directory)\s*= [`"]([^`"]+)[`"]', source.read_text()))
        variables = yaml.safe_load((PLAYBOOKS / f"roles/restic_agent_{system}/vars/main.yml").read_text())
        for kind in ("program", "configuration"):
            assert variables[f"restic_agent_{system}_{kind}_directory"] == constants[f"{kind}Directory"]
