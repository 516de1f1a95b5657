"""The roles as files, and what sends files: asked of Ansible itself, on this computer, below a test's folder."""

import base64
import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from coffre.agents.acronis.inventory import GROUPS, ROLES
from coffre.agents.ansible.events import TELL

PLAYBOOKS = Path(__file__).resolve().parents[4] / "playbooks"
PARTS = {"acronis_agent": ("look", "main", "start", "note", "remove")}
PARTS |= {role: ("look", "main", "register", "start", "note", "remove") for role in ROLES.values() if role not in PARTS}


def run_ansible(call: list[str], folder: Path, **settings: str) -> "subprocess.CompletedProcess[str]":
    own = {"ANSIBLE_LOCAL_TEMP": str(folder), "ANSIBLE_HOME": str(folder), "ANSIBLE_LOCALHOST_WARNING": "False"}
    path = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    environment = {**os.environ, **own, **path, **settings}
    return subprocess.run(call, capture_output=True, text=True, env=environment, check=False, timeout=300)


def test_every_system_has_its_play() -> None:
    plays = yaml.safe_load((PLAYBOOKS / "acronis_agents.yml").read_text())
    assert [play["hosts"] for play in plays] == list(GROUPS.values())
    assert [play["tasks"][0]["ansible.builtin.include_role"]["name"] for play in plays] == list(ROLES.values())


@pytest.mark.parametrize("role", ROLES.values())
def test_a_role_has_every_part_and_tells_under_the_name_that_is_read(role: str) -> None:
    folder = PLAYBOOKS / "roles" / role
    specs = yaml.safe_load((folder / "meta" / "argument_specs.yml").read_text())["argument_specs"]
    assert set(specs) == set(PARTS[role]) == {file.stem for file in (folder / "tasks").glob("*.yml")}
    (look,) = yaml.safe_load((folder / "tasks" / "look.yml").read_text())
    assert look["name"] == TELL
    assert (look["check_mode"], look["changed_when"]) == (False, False)


def test_the_roles_of_every_system_are_sound_to_ansible(tmp_path: Path) -> None:
    """Windows and macOS cannot be run here: that Ansible can read them, modules and all, is what can be seen."""
    tasks = [
        {"name": part, "ansible.builtin.import_role": {"name": role, "tasks_from": part}}
        for role, parts in PARTS.items()
        for part in parts
    ]
    (tmp_path / "all.yml").write_text(
        yaml.safe_dump([{"name": "Read it", "hosts": "all", "gather_facts": False, "tasks": tasks}])
    )
    call = ["ansible-playbook", "--syntax-check", "--inventory", "localhost,", str(tmp_path / "all.yml")]
    where = {
        "ANSIBLE_ROLES_PATH": str(PLAYBOOKS / "roles"),
        "ANSIBLE_ACTION_PLUGINS": str(PLAYBOOKS / "action_plugins"),
    }
    done = run_ansible(call, tmp_path, **where)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("role", ROLES.values())
def test_what_has_the_token_is_deleted_however_an_installation_ends(role: str) -> None:
    tasks = yaml.safe_load((PLAYBOOKS / "roles" / role / "tasks" / "main.yml").read_text())
    assert len(tasks) == 1
    assert f"{role}_folder" in str(tasks[0]["always"])


def test_on_linux_no_command_names_the_token() -> None:
    text = (PLAYBOOKS / "roles" / "acronis_agent" / "tasks" / "main.yml").read_text()
    assert re.findall(r"acronis_agent_(?:secret|options)\b", text) == ["acronis_agent_options", "acronis_agent_secret"]


def test_on_windows_the_token_is_a_sensitive_parameter_that_is_never_logged() -> None:
    tasks = yaml.safe_load((PLAYBOOKS / "roles" / "acronis_agent_windows" / "tasks" / "register.yml").read_text())
    given = next(task for task in tasks if "acronis_agent_windows_secret" in str(task))
    assert (given["no_log"], given["diff"]) == (True, False)
    sensitive = given["ansible.windows.win_powershell"]["sensitive_parameters"]
    assert [each["name"] for each in sensitive] == ["Secret"]


@pytest.mark.parametrize("size_bytes", [0, 1, 8 * 1024**2, 8 * 1024**2 + 1])
def test_a_file_arrives_whole_with_its_mode_and_a_damaged_one_does_not_get_its_name(
    tmp_path: Path, size_bytes: int
) -> None:
    content = os.urandom(size_bytes)
    (tmp_path / "sent").write_bytes(content)
    right = hashlib.sha256(content).hexdigest()
    for sha256, code in ((right, 0), ("0" * 64, 2)):
        target = tmp_path / f"arrived {sha256[:4]}"
        task = {"source": str(tmp_path / "sent"), "path": str(target), "mode": "0700", "sha256": sha256}
        done = _send(tmp_path, task)
        assert done.returncode == code, done.stdout + done.stderr
        assert target.exists() == (code == 0)
        assert not target.with_name(f"{target.name}.new").exists()
    assert (tmp_path / f"arrived {right[:4]}").read_bytes() == content
    assert (tmp_path / f"arrived {right[:4]}").stat().st_mode & 0o777 == 0o700


def test_what_sends_secrets_says_none_of_them_however_loud_and_however_it_fails(tmp_path: Path) -> None:
    secret = base64.b64encode(b"a token of a machine").decode()
    for path in (tmp_path / "nowhere" / "secret", tmp_path / "secret"):
        done = _send(tmp_path, {"content": secret, "path": str(path), "mode": "0600", "sha256": "0" * 64})
        said = done.stdout + done.stderr
        assert done.returncode == 2
        assert "Send it" in said
        assert secret not in said
        assert "a token of a machine" not in said
        assert not path.exists()


def _send(folder: Path, arguments: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    play = {"name": "Send", "hosts": "all", "gather_facts": False}
    play["tasks"] = [{"name": "Send it", "coffre_send": arguments}]  # type: ignore[assignment]
    (folder / "play.yml").write_text(yaml.safe_dump([play]))
    call = ["ansible-playbook", "-vvv", "--connection", "local", "--inventory", "m,", str(folder / "play.yml")]
    return run_ansible(call, folder, ANSIBLE_ACTION_PLUGINS=str(PLAYBOOKS / "action_plugins"), ANSIBLE_PIPELINING="1")


INSTALLER = """#!/bin/sh
token=$(sed -n 's/^--token //p' options)
printf 'before\\nregistered with %s\\nafter\\n' "$token" >>{folder}/setup.log
printf '%s\\n' "$*" >{folder}/arguments
stat -c %a . options secret >{folder}/modes
echo "no luck with $token"
echo "no luck at all" >&2
exit {code}
"""


@pytest.mark.parametrize("code", [0, 3])
def test_an_installer_gets_the_token_in_a_file_and_its_words_come_without_it(tmp_path: Path, code: int) -> None:
    """The role for Linux, run here, with its folders below the test's."""
    (tmp_path / "installer.bin").write_text(INSTALLER.format(folder=tmp_path, code=code))
    secret = "AAAA-BBBB-CCCC"
    given = {
        "part": "main",
        "folder": f"{tmp_path}/lib/coffre-acronis",
        "log": f"{tmp_path}/setup.log",
        "lock": f"{tmp_path}/lock",
        "installer_path": f"{tmp_path}/installer.bin",
        "installer_sha256": hashlib.sha256((tmp_path / "installer.bin").read_bytes()).hexdigest(),
        "component": "BackupAndRecoveryAgent",
        "secret": base64.b64encode(secret.encode()).decode(),
        "options": base64.b64encode(f"--rain https://dc.example\n--token {secret}\n".encode()).decode(),
    }
    tasks = [{"name": "Do it", "ansible.builtin.include_role": {"name": "acronis_agent", "tasks_from": "main"}}]
    (tmp_path / "play.yml").write_text(
        yaml.safe_dump([{"name": "Run it", "hosts": "all", "gather_facts": False, "tasks": tasks}])
    )
    variables = [f"--extra-vars=acronis_agent_{name}={value}" for name, value in given.items()]
    call = ["ansible-playbook", "-vvv", "--connection", "local", "--inventory", "m,", *variables]
    done = run_ansible(
        [*call, str(tmp_path / "play.yml")],
        tmp_path,
        ANSIBLE_ROLES_PATH=str(PLAYBOOKS / "roles"),
        ANSIBLE_ACTION_PLUGINS=str(PLAYBOOKS / "action_plugins"),
        ANSIBLE_PIPELINING="1",
    )
    assert done.returncode == (2 if code else 0), done.stdout
    assert secret not in done.stdout + done.stderr
    assert ("the installer ended with code 3: no luck at all" in done.stdout) == bool(code)
    assert (tmp_path / "setup.log").read_text() == "before\nafter\n"
    assert (tmp_path / "arguments").read_text().split()[:3] == ["-a", "-i", "BackupAndRecoveryAgent"]
    assert secret not in (tmp_path / "arguments").read_text()
    assert (tmp_path / "modes").read_text().split() == ["700", "600", "600"]
    assert list((tmp_path / "lib").iterdir()) == []


MAC_PROGRAMS = {
    "hdiutil": "case $1 in attach) echo package >image/Install.pkg ;; esac",
    "pkgutil": "echo 'Developer ID Installer: Acronis International GmbH (ZU2TV78AA6)'",
    "installer": 'echo "$*" >"$test/installed"',
    "launchctl": "exit 1",
    "sleep": 'echo "$1" >>"$test/waited"',
}
"""What the role calls on a Mac; the real programs are not here."""


@pytest.mark.parametrize(("code", "said"), [(0, ""), (1, "busy"), (1, "already registered in a different tenant")])
def test_the_role_for_macos_registers_with_growing_delays_and_leaves_nothing(
    tmp_path: Path, code: int, said: str
) -> None:
    """Its scripts are run here; the Mac's own programs are imitations."""
    secret = "AAAA-BBBB-CCCC"
    (tmp_path / "bin").mkdir()
    tool = f'echo "$*" >"$test/registered"; echo "{said}"; echo "for $8"; exit {code}'
    for name, script in {**MAC_PROGRAMS, "RegisterAgent": tool}.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\ntest={tmp_path}\n{script}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "installer.dmg").write_bytes(b"an image")
    given = {
        "folder": f"{tmp_path}/lib/coffre-acronis",
        "register_tool": f"{tmp_path}/bin/RegisterAgent",
        "installer_path": f"{tmp_path}/installer.dmg",
        "installer_sha256": hashlib.sha256(b"an image").hexdigest(),
        "target": "LocalSystem",
        "address": "https://dc.example",
        "secret": base64.b64encode(secret.encode()).decode(),
    }
    (tmp_path / "lib").mkdir()
    tasks = [{"name": "Do it", "ansible.builtin.include_role": {"name": "acronis_agent_macos", "tasks_from": "main"}}]
    (tmp_path / "play.yml").write_text(
        yaml.safe_dump([{"name": "Run it", "hosts": "all", "gather_facts": False, "tasks": tasks}])
    )
    variables = [f"--extra-vars=acronis_agent_macos_{name}={value}" for name, value in given.items()]
    call = ["ansible-playbook", "-vvv", "--connection", "local", "--inventory", "m,", *variables]
    done = run_ansible(
        [*call, str(tmp_path / "play.yml")],
        tmp_path,
        ANSIBLE_ROLES_PATH=str(PLAYBOOKS / "roles"),
        ANSIBLE_ACTION_PLUGINS=str(PLAYBOOKS / "action_plugins"),
        ANSIBLE_PIPELINING="1",
        PATH=f"{tmp_path}/bin:{Path(sys.executable).parent}:{os.environ['PATH']}",
    )
    assert done.returncode == (2 if code else 0), done.stdout
    assert secret not in done.stdout + done.stderr
    assert (tmp_path / "installed").read_text() == "-pkg image/Install.pkg -target LocalSystem\n"
    assert (tmp_path / "registered").read_text() == f"-o register -t cloud -a https://dc.example --token {secret}\n"
    assert not code or f"the registration ended with code 1: {said}" in done.stdout
    waited = (tmp_path / "waited").read_text().split() if (tmp_path / "waited").exists() else []
    # Ansible waits for 0 seconds itself, between its commands.
    assert [each for each in waited if each != "0"] == (["5", "10", "20", "40", "60"] if said == "busy" else [])
    assert list((tmp_path / "lib").iterdir()) == []
