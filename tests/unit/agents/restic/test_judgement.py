"""How it went on a machine, in an operator's words; and the environment that Ansible gets."""

import subprocess
import tempfile
from pathlib import Path

import pytest

from coffre.agents.ansible.events import HostOutcome
from coffre.agents.ansible.runner import ansible_environment, list_collection_folders, refuse_without_collection
from coffre.agents.driver import Target
from coffre.agents.reach.bounded_ssh import ENDLESS
from coffre.agents.reach.ssh import CLIENT_VARIABLES, control_path, ssh_options
from coffre.agents.restic.agents import AgentPrograms, judge
from coffre.errors import ExpectedError
from coffre.outside.environment import child_environment
from coffre.spec.tenant import SshConnection

TARGET = Target(
    "martin", "compta-01", "k7f3q9wz2m", SshConnection(host="compta-01.martin.example", user="root"), Path("known")
)


def test_success_says_nothing_but_what_changed():
    result = judge(TARGET, HostOutcome(True, False, ("A",)), {})
    assert (result.ok, result.changed, result.message, result.changes) == (True, True, "", ("A",))


def test_a_failure_names_its_step_in_one_line():
    result = judge(TARGET, HostOutcome(False, False, (), "Do it", "no\nroom"), {})
    assert (result.unreachable, result.message) == (False, "compta-01: “Do it” failed: no room")


def test_an_unknown_host_key_names_the_machine_s_own_command():
    result = judge(TARGET, HostOutcome(False, True, (), "", "Host key verification failed."), {})
    assert result.unreachable
    assert "`coffre trust martin compta-01`" in result.message


def test_a_refused_sudo_is_a_machine_that_we_cannot_work_on():
    result = judge(TARGET, HostOutcome(False, False, (), "Look", "sudo: a password is required"), {})
    assert result.unreachable
    assert "may not become root" in result.message


@pytest.mark.parametrize(
    "said", [f"Failed to connect: AAAA\n{ENDLESS}", "Task failed: MemoryError", "PSRP: [SSL] malloc failure"]
)
@pytest.mark.parametrize("unreachable", [True, False])
def test_a_machine_that_prints_for_ever_is_not_one_to_wait_for(said, unreachable):
    """Not even when what it prints looks like another complaint, or fails another step."""
    said = f"Host key verification failed. sudo: a password is required {said}"
    result = judge(TARGET, HostOutcome(False, unreachable, (), "Look", said), {})
    assert (result.ok, result.unreachable) == (False, False)
    assert result.message.startswith(
        "compta-01: it printed without end and was stopped. A sound machine does not do that"
    )


def test_a_program_with_another_hash_is_refused(tmp_path):
    program = tmp_path / "restic"
    program.write_bytes(b"x")
    assert AgentPrograms(program, program).installables()[1].name == "restic"
    with pytest.raises(ExpectedError, match="is not the restic that should be installed"):
        AgentPrograms(program, program, restic_sha256="0" * 64).installables()


def test_ansible_gets_nothing_meant_for_others_and_writes_only_in_our_folder():
    environment = {"PATH": "/bin", "ANSIBLE_LOG_PATH": "/tmp/log", "AWS_SECRET_ACCESS_KEY": "s", "COFFRE_IDENTITY": "i"}
    given = ansible_environment(environment, Path("/dev/shm/x"), 2)
    assert given["PATH"] == "/bin"
    assert {"ANSIBLE_LOG_PATH", "AWS_SECRET_ACCESS_KEY", "COFFRE_IDENTITY"} & set(given) == set()
    folders = ("ANSIBLE_CONFIG", "ANSIBLE_HOME", "ANSIBLE_LOCAL_TEMP", "ANSIBLE_SSH_CONTROL_PATH_DIR")
    assert all(given[name].startswith("/dev/shm/x/") for name in folders)
    assert (given["ANSIBLE_HOST_KEY_CHECKING"], given["ANSIBLE_NO_TARGET_SYSLOG"]) == ("True", "True")


def test_a_collection_that_is_nowhere_is_named_with_what_installs_it(tmp_path):
    with pytest.raises(ExpectedError, match=r"collection ansible\.windows.* is not installed") as refused:
        refuse_without_collection([tmp_path])
    assert "ansible-galaxy collection install" in refused.value.hint
    (tmp_path / "ansible_collections" / "ansible" / "windows").mkdir(parents=True)
    refuse_without_collection([tmp_path / "nowhere", tmp_path])
    assert Path("/home/x/.ansible/collections") in list_collection_folders({"HOME": "/home/x"})


def test_a_temporary_folder_of_any_name_holds_the_shared_connection():
    asked = ["ssh", "-G", "-o", f"ControlPath={control_path(Path('/tmp/a b é 100%/x'))}", "machine"]
    said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    assert "\ncontrolpath /tmp/a b é 100%/x/" in said


def test_ssh_gets_no_secret_and_answers_in_english():
    environment = {"PATH": "/bin", "AWS_SECRET_ACCESS_KEY": "s", "LANG": "fr_FR.UTF-8", "SSH_AUTH_SOCK": "/a"}
    assert child_environment(environment, only=CLIENT_VARIABLES) == {
        "PATH": "/bin",
        "HOME": str(Path.home()),
        "TMPDIR": tempfile.gettempdir(),
        "SSH_AUTH_SOCK": "/a",
        "LC_ALL": "C.UTF-8",
    }


def test_a_known_hosts_path_with_a_percent_sign_means_itself():
    assert 'UserKnownHostsFile="/srv/100%% us/known"' in ssh_options(Path("/srv/100% us/known"), None)
