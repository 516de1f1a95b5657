"""Explains a failure reported by Ansible: its cause on the machine, and the remedy. Pure."""

import re
from dataclasses import dataclass

from coffre.agents.ansible.events import HostOutcome, one_line
from coffre.agents.reach.placing import DAMAGED
from coffre.agents.reach.ssh_errors import (
    NO_COMMAND,
    NO_OUTPUT,
    Account,
    explain_lost_output,
    explain_shell,
    find_sudo_refusal,
)
from coffre.errors import ExpectedError, RemoteError

_ROOM = (
    "Free some space there (`df -h` and `df -i` on the machine, and the user's quota), then run the same command again."
)
_PYTHON = (
    "Ansible needs Python 3.8 or newer there: ask the administrator to install it (Debian: `apt-get install python3`)."
)


@dataclass(frozen=True)
class _Meaning:
    """A sign in Ansible's message, its meaning, the remedy; ``is_login`` when nothing was done on the machine yet."""

    sign: str
    cause: str
    hint: str
    is_login: bool = False


_MEANINGS = (
    _Meaning(
        r"timed out after \d+ second|waiting for privilege escalation prompt",
        "its login does not finish",
        "Check the start-up files of {user} there (.bashrc, .zshenv, .profile, /etc/profile): one of them may wait for "
        "input or leave a program running. Check also sudo (`sudo -n true`) and the load of the machine.",
        is_login=True,
    ),
    _Meaning(r"no usable temporary directory", "there is no space for temporary files", _ROOM),
    _Meaning(r"failed to create temporary directory", "Ansible cannot create a temporary directory", _ROOM),
    _Meaning(r"no space left on device|errno 28\b|tar: .*: wrote only \d+ of", "there is no space left", _ROOM),
    _Meaning(r"disk quota exceeded|errno 122\b", "the disk quota there is used up", _ROOM),
    _Meaning(
        r"read-only file system|errno 30\b",
        "a file system there is read-only",
        "Look at `findmnt` and `dmesg` on the machine. If the file system is damaged, check it and mount it read-write "
        "again.",
    ),
    _Meaning(
        r"destination .* not writable",
        "Ansible cannot write to a directory there",
        "Look at `findmnt` on the machine (is its file system mounted read-only?) and at `lsattr`.",
    ),
    _Meaning(
        r"module interpreter .* was not found|no python interpreters found|python3?: (command )?not found"
        r"|python[0-9.]*: no such file",
        "there is no Python",
        _PYTHON,
    ),
    _Meaning(
        r"future feature annotations is not defined|requires a minimum of python|invalid syntax",
        "its Python is too old",
        _PYTHON,
    ),
    _Meaning(
        r"tar: (command )?not found",
        "there is no tar",
        "Ask the administrator to install it (Debian: `apt-get install tar`).",
    ),
    _Meaning(
        DAMAGED,
        "the connection, or a disk there, damaged a file on its way",
        "Run the same command again. If it fails again, look at `dmesg` on the machine.",
    ),
    _Meaning(
        r"errno 1\b|operation not permitted",
        "root is not allowed to change a file there",
        "An attribute (`lsattr`) or a security module protects it: ask the administrator to check that path.",
    ),
    _Meaning(
        r"errno 26\b|text file busy",
        "a program that must be replaced is running there",
        "Wait until it ends (a backup or a restore), then run the same command again.",
    ),
)


def explain_login(outcome: HostOutcome, account: Account) -> ExpectedError | None:
    """Return the error when no work was possible on the machine as this user, or as root from there; None otherwise."""
    refusal = find_sudo_refusal(outcome.reason, account)
    if refusal is not None:
        return refusal
    found = re.search(rf"{NO_COMMAND} (-?\d+): (.*)", outcome.reason, re.DOTALL)
    if found:
        return explain_shell(account, found[2], int(found[1]))
    if NO_OUTPUT in outcome.reason:
        return explain_lost_output(account)
    meaning = _find(outcome.reason)
    return _say(meaning, outcome, account) if meaning is not None and meaning.is_login else None


def explain_failure(outcome: HostOutcome, account: Account) -> ExpectedError:
    """Return why a step failed: its cause where it is known, and always the end of the output."""
    meaning = _find(outcome.reason)
    if meaning is not None:
        return _say(meaning, outcome, account)
    said = one_line(outcome.reason) or "no reason was given"
    return RemoteError(f"{account.machine}: {_step(outcome)}{said}")


def is_known(reason: str) -> bool:
    """Tell whether Ansible's message has a known meaning here, even if Ansible calls the machine unreachable."""
    return _find(reason) is not None


def _find(reason: str) -> _Meaning | None:
    text = " ".join(reason.lower().split())
    return next((meaning for meaning in _MEANINGS if re.search(meaning.sign, text)), None)


def _say(meaning: _Meaning, outcome: HostOutcome, account: Account) -> ExpectedError:
    said = one_line(outcome.reason).rstrip(".")
    return RemoteError(
        f"{account.machine}: {_step(outcome)}{meaning.cause} ({said})", meaning.hint.format(user=account.user)
    )


def _step(outcome: HostOutcome) -> str:
    return f"“{outcome.failed_task}” failed: " if outcome.failed_task else ""
