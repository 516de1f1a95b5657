"""What Ansible 2.19 and the programs behind it really said of broken machines, and what an operator reads of it."""

from pathlib import Path

import pytest

from coffre.agents.ansible.events import HostOutcome, find_reason
from coffre.agents.driver import Target
from coffre.agents.reach.ssh_errors import NO_COMMAND, NO_OUTPUT
from coffre.agents.restic.agents import judge
from coffre.spec.tenant import SshConnection

TARGET = Target(
    "martin",
    "compta-01",
    "k7f3q9wz2m",
    SshConnection(host="compta-01.martin.example", user="operateur", become=True),
    Path("known"),
)
LONG_COMMAND = (
    "Task failed: Failed to create temporary directory. In some cases, you may have been able to authenticate and did "
    "not have permissions on the target directory. Consider changing the remote tmp path in ansible.cfg to a path "
    'rooted in "/tmp", for more error information use -vvv. Failed command was: ( mkdir -p "` echo /dev/shm `"'
    '&& mkdir "` echo /dev/shm/.x/ansible-tmp-1 `" && echo ansible-tmp-1="` echo /dev/shm/x `" ), exited with result 1'
)
COPY = (
    "Task failed: failed to transfer file to /home/x/source /dev/shm/.coffre-ansible-db/source:\n\ndd: error writing "
)


@pytest.mark.parametrize(
    ("reason", "unreachable", "parts"),
    [
        (
            "Task failed: Timed out after 60 second(s).",
            True,
            ["does not finish", "start-up files of operateur"],
        ),
        (
            "Task failed: Timeout (62s) waiting for privilege escalation prompt: Welcome!",
            True,
            ["does not finish", "start-up files of operateur"],
        ),
        (
            f"Task failed: {NO_COMMAND} 1: This account is currently not available.",
            True,
            ["login shell of operateur ran no command", "not available", "usermod --shell /bin/sh operateur"],
        ),
        (f"{NO_OUTPUT} 0: ", True, ["the output of commands does not arrive", "exec >"]),
        ("Task failed: Missing sudo password", True, ["operateur may not become root", "NOPASSWD"]),
        ("Task failed: Incorrect sudo password", True, ["operateur may not become root", "`credential`"]),
        ("sudo: sorry, you must have a tty to run sudo", True, ["may not become root", "!requiretty"]),
        (
            "Sorry, user operateur is not allowed to execute '/bin/sh' as root on compta-01.",
            True,
            ["may not become root", "NOPASSWD"],
        ),
        ("tar: /usr/local/lib/coffre/restic.new: Wrote only 8192 of 10240 bytes", False, ["no space left", "df -h"]),
        (LONG_COMMAND, False, ["cannot create a temporary directory", "exited with result 1", "df -i"]),
        (
            "FileNotFoundError: [Errno 2] No usable temporary directory found in ['/tmp', '/var/tmp', '/usr/tmp']",
            False,
            ["no space for temporary files", "df -h"],
        ),
        (
            "Task failed: Module failed: Failed to replace '/usr/local/lib/coffre/coffre-agent' with b'/dev/shm/.s': "
            "[Errno 28] No space left on device: b'/dev/shm/.source' -> b'/usr/local/lib/coffre/.ansible_tmpmah'",
            False,
            ["there is no space left", "/usr/local/lib/coffre/.ansible_tmpmah"],
        ),
        (f"{COPY}'/dev/shm/.x/source': No space left on device\n", False, ["no space left", "df -h"]),
        ("[Errno 122] Disk quota exceeded: b'/etc/coffre/.ansible_tmp'", False, ["the disk quota there is used up"]),
        (
            "Destination /usr/local/lib/coffre not writable",
            False,
            ["cannot write to a directory", "`findmnt`", "lsattr"],
        ),
        (
            "There was an issue creating /usr/local/lib/coffre as requested: [Errno 30] Read-only file system: "
            "b'/usr/local/lib/coffre'",
            False,
            ["a file system there is read-only", "findmnt"],
        ),
        ("The module interpreter '/usr/bin/python3' was not found.", False, ["there is no Python", "apt-get install"]),
        ("/bin/sh: 1: /usr/bin/python3: not found\r\n", False, ["there is no Python", "apt-get install"]),
        ("SyntaxError: future feature annotations is not defined", False, ["Python is too old", "3.8"]),
        ("sh: 5: tar: not found", False, ["there is no tar", "apt-get install tar"]),
        ("what arrived is not what was sent", False, ["damaged a file on its way", "again"]),
        (
            "Could not replace file: /dev/shm/x to /usr/local/lib/coffre/restic: [Errno 1] Operation not permitted",
            False,
            ["root is not allowed", "lsattr"],
        ),
    ],
)
def test_ansible_s_words_become_a_cause_and_what_mends_it(reason, unreachable, parts):
    """Whether Ansible calls the machine unreachable or the task failed: it does so by chance."""
    for ansible_says in (False, True):
        task = "" if ansible_says else "Install the agent's programs"
        result = judge(TARGET, HostOutcome(False, ansible_says, (), task, reason), {})
        assert [part for part in parts if part not in result.message] == []
        assert result.message.startswith("compta-01: ")
        assert result.unreachable is unreachable
        assert len(result.message) < 700


def test_an_unknown_reason_is_shown_by_its_end():
    reason = "Traceback (most recent call last):\n" + "  File x\n" * 100 + "OSError: the cause itself"
    result = judge(TARGET, HostOutcome(False, False, (), "Do it", reason), {})
    assert result.message.startswith("compta-01: “Do it” failed: … ")
    assert result.message.endswith("OSError: the cause itself")


def test_ssh_s_own_complaints_stay_ssh_s():
    result = judge(TARGET, HostOutcome(False, True, (), "", "Connection refused"), {})
    assert (result.unreachable, "no SSH server listens there" in result.message) == (True, True)


def test_a_module_that_brought_no_result_is_known_by_what_it_said():
    result = {
        "msg": "Task failed: Module result deserialization failed: No start of json char found",
        "module_stdout": "",
        "module_stderr": "/bin/sh: 1: /usr/bin/python3: not found",
    }
    assert find_reason(result) == "/bin/sh: 1: /usr/bin/python3: not found"
