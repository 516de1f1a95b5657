"""What ssh and sudo complain about, in OpenSSH 9's and sudo 1.9's own words."""

import pytest

from coffre.agents.ssh_errors import (
    ChangedHostKeyError,
    LoginRefusedError,
    UnknownHostKeyError,
    UnreachableError,
    explain_ssh,
    find_sudo_refusal,
)

CHANGED = """@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
Host key for 10.0.0.1 has changed and you have requested strict checking.
Host key verification failed."""


@pytest.mark.parametrize(
    ("stderr", "kind", "part"),
    [
        (CHANGED, ChangedHostKeyError, "is not the one that was recorded"),
        (
            "No ED25519 host key is known for 10.0.0.1 and you have requested strict checking.\r\n"
            "Host key verification failed.\r\n",
            UnknownHostKeyError,
            "was never recorded",
        ),
        ("root@10.0.0.1: Permission denied (publickey).", LoginRefusedError, "does not let this user in"),
        ("ssh: Could not resolve hostname x: Name or service not known", UnreachableError, "does not resolve"),
        ("ssh: connect to host x port 22: Connection refused", UnreachableError, "no SSH server listens"),
        ("ssh: connect to host x port 22: Connection timed out", UnreachableError, "did not answer in time"),
        ("ssh: connect to host x port 22: No route to host", UnreachableError, "no route"),
        ("Connection closed by 10.0.0.1 port 22", UnreachableError, "closed the connection"),
        ("something new", UnreachableError, "ssh failed: something new"),
        ("", UnreachableError, "it gave no reason"),
    ],
)
def test_complaints_are_told_apart(stderr, kind, part):
    problem = explain_ssh(stderr, "compta-01", "coffre trust martin compta-01")
    assert type(problem) is kind
    assert problem.message.startswith("compta-01: ")
    assert part in problem.message
    assert problem.hint


def test_host_key_hints_name_the_command():
    assert "`coffre trust m c --replace`" in explain_ssh(CHANGED, "c", "coffre trust m c").hint
    assert "`coffre trust m c`" in explain_ssh("Host key verification failed.", "c", "coffre trust m c").hint


@pytest.mark.parametrize(
    "stderr",
    [
        "sudo: a password is required",
        "operateur is not in the sudoers file.  This incident has been reported to the administrator by sudo.",
        "Sorry, user operateur may not run sudo on compta-01.",
        "env: 'sudo': No such file or directory",
        "Task failed: Missing sudo password",
    ],
)
def test_sudo_s_refusals_are_known(stderr):
    problem = find_sudo_refusal(stderr, "compta-01", "operateur")
    assert problem is not None
    assert "operateur may not become root" in problem.message


def test_a_command_s_own_failure_is_not_sudo_s():
    assert find_sudo_refusal("cat: /etc/x: No such file or directory", "c", "operateur") is None
