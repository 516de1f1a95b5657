"""What ssh and sudo complain about, in OpenSSH 9's and sudo 1.9's own words."""

import pytest

from coffre.agents.reach.framing import CommandStage
from coffre.agents.reach.ssh_errors import (
    Account,
    ChangedHostKeyError,
    LoginRefusedError,
    LoginShellError,
    MachineUnreachableError,
    SudoRefusedError,
    UnknownHostKeyError,
    explain_shell,
    explain_silence,
    explain_ssh,
    explain_sudo,
    find_sudo_refusal,
    shorten,
    wants_terminal,
)

OPERATEUR = Account("compta-01", "operateur")

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
        ("root@10.0.0.1: Permission denied (publickey).", LoginRefusedError, "refuses every key of ours"),
        ("ssh: Could not resolve hostname x: Name or service not known", MachineUnreachableError, "does not resolve"),
        ("ssh: connect to host x port 22: Connection refused", MachineUnreachableError, "no SSH server listens"),
        ("ssh: connect to host x port 22: Connection timed out", MachineUnreachableError, "did not answer in time"),
        ("ssh: connect to host x port 22: No route to host", MachineUnreachableError, "no route"),
        ("Connection closed by 10.0.0.1 port 22", MachineUnreachableError, "closed the connection"),
        ("something new", MachineUnreachableError, "ssh failed: something new"),
        ("", MachineUnreachableError, "it gave no reason"),
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
    ("stderr", "hint"),
    [
        ("sudo: a password is required", "NOPASSWD"),
        (
            "operateur is not in the sudoers file.  This incident has been reported to the administrator by sudo.",
            "NOPASSWD",
        ),
        ("Sorry, user operateur may not run sudo on compta-01.", "NOPASSWD"),
        ("Sorry, user operateur is not allowed to execute '/bin/sh' as root on compta-01.", "NOPASSWD"),
        ("Task failed: Missing sudo password", "NOPASSWD"),
        ("env: 'sudo': No such file or directory", "Install sudo"),
        ("/bin/sh: 5: sudo: not found", "Install sudo"),
        ("sudo: sorry, you must have a tty to run sudo", "`Defaults:operateur !requiretty`"),
        ("sudo: Account or password is expired, reset your password and try again", "chage -l operateur"),
        ("sudo: /usr/bin/sudo must be owned by uid 0 and have the setuid bit set", "repair its package"),
        ("sudo: no valid sudoers sources found, quitting", "visudo -c"),
        ("sudo: effective uid is not 0, is sudo installed setuid root?", "repair its package"),
    ],
)
def test_sudo_s_refusals_are_known_and_each_has_its_own_mend(stderr, hint):
    problem = find_sudo_refusal(f"Welcome\n{stderr}\n", OPERATEUR)
    assert problem is not None
    assert problem.message.startswith("compta-01: operateur may not become root: ")
    assert hint in problem.hint
    assert wants_terminal(stderr) is ("requiretty" in hint)


def test_a_command_s_own_failure_is_not_sudo_s():
    assert find_sudo_refusal("cat: /etc/x: No such file or directory", OPERATEUR) is None
    assert find_sudo_refusal("the licence has expired\npermission denied", OPERATEUR) is None


def test_a_sudo_that_gives_another_reason_is_shown_by_its_own_words():
    problem = explain_sudo(OPERATEUR, "lecture\n\nsudo: something new\n")
    assert problem.message == "compta-01: operateur may not become root: sudo: something new"
    assert "sudo -n true" in problem.hint


def test_a_login_shell_that_runs_nothing_is_named_with_what_it_said():
    problem = explain_shell(OPERATEUR, "This account is currently not available.\n", 1)
    assert problem.message.endswith("ran no command and ended with code 1: This account is currently not available")
    assert "usermod --shell /bin/sh operateur" in problem.hint
    assert explain_shell(OPERATEUR, "\n", 1).message.endswith("without output")
    assert "chage" in explain_shell(OPERATEUR, "Your account has expired; contact your administrator", 1).hint


@pytest.mark.parametrize(
    ("reached", "kind", "part"),
    [
        (CommandStage.NOTHING, LoginShellError, "login shell of operateur did not run a command within 30 seconds"),
        (CommandStage.SHELL, SudoRefusedError, "sudo did not let operateur become root within 30 seconds"),
        (CommandStage.COMMAND, MachineUnreachableError, "`systemctl` did not answer within 30 seconds"),
    ],
)
def test_silence_is_blamed_on_what_was_reached_last(reached, kind, part):
    problem = explain_silence(OPERATEUR, reached, "`systemctl`", 30)
    assert type(problem) is kind
    assert part in problem.message
    assert problem.hint


def test_of_long_words_the_end_is_kept():
    assert shorten("@@@@\n first \n\n second\n", 300) == "first second"
    assert shorten("much " * 100 + "the cause", 30) == "… much much much the cause"
    assert len(shorten("x" * 1000, 300)) == 300
    assert shorten("red \x1b[31mcause", 300) == "red \\x1b[31mcause"
