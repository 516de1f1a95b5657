"""Explains an SSH client's error messages, as errors distinguished by the operator's next action. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from coffre.agents.reach.framing import CommandStage
from coffre.errors import ExpectedError, RefusedError, RemoteError
from coffre.outside.text import one_line, visible

NO_COMMAND = "no command was run by the login shell, which ended with code"
NO_OUTPUT = "the end of a command did not come through, and ssh ended with code"
"""The beginning of these two messages of Ansible's connection plugin."""
_SHOWN = 300
"""The maximum number of characters shown of a login shell's output."""


@dataclass(frozen=True)
class Account:
    """The login: the operator's name for the machine, and the user there."""

    machine: str
    user: str


class MachineUnreachableError(RemoteError):
    """The machine's address did not answer, or the connection broke: it may work later."""


class LoginRefusedError(RemoteError):
    """The machine answered but refused the login."""


class SudoRefusedError(RemoteError):
    """The login works, but the user may not become root without a password prompt."""


class LoginShellError(RemoteError):
    """The login works, but the user's login program does not run our command."""


class UnknownHostKeyError(RefusedError):
    """The machine's host key was never recorded."""


class ChangedHostKeyError(RefusedError):
    """The machine shows another host key than the recorded one: another machine answers, or it was reinstalled."""


_UNREACHABLE = (
    ("could not resolve hostname", "its name does not resolve", "Check the name in the tenant file and in ssh_config."),
    ("connection refused", "it answers, but no SSH server listens there", "Check its sshd and the port."),
    ("no route to host", "there is no route to it", "Check that it is switched on and that the VPN is up."),
    ("network is unreachable", "there is no route to it", "Check that this computer's network and the VPN are up."),
    ("timed out", "it did not answer in time", "Check that it is switched on and in the network."),
    ("connection closed", "it closed the connection", "Look at the log of sshd on it."),
    ("connection reset", "it closed the connection", "Look at the log of sshd on it."),
    ("broken pipe", "the connection broke", "Run the same command again."),
    ("unable to negotiate", "no common SSH algorithm", "Its SSH server is too old or too restricted."),
    ("kex_exchange_identification", "no SSH server answers there", "Check the port in the tenant file."),
)  # fmt: skip
_NO_TERMINAL = "must have a tty"
_NOPASSWD = (
    "Give {user} `NOPASSWD: ALL` in sudoers on the machine, in the last line there that applies to it, "
    "or connect as root (`user: root`, no `become`)."
)
_SUDO = (
    (_NO_TERMINAL, "Put `Defaults:{user} !requiretty` into sudoers on the machine (`visudo`)."),
    ("incorrect sudo password", "Correct the password behind the machine's `credential` in the tenant file."),
    ("sorry, try again", "Correct the password behind the machine's `credential` in the tenant file."),
    ("a password is required", _NOPASSWD),
    ("missing sudo password", _NOPASSWD),
    ("is not in the sudoers file", _NOPASSWD),
    ("is not allowed to", _NOPASSWD),
    ("may not run sudo", _NOPASSWD),
    ("sudo: not found", "Install sudo there, or connect as root (`user: root`, no `become`)."),
    ("sudo: command not found", "Install sudo there, or connect as root (`user: root`, no `become`)."),
    ("sudo': no such file", "Install sudo there, or connect as root (`user: root`, no `become`)."),
    ("expired", "Its account or password there has expired: ask the administrator to renew it (`chage -l {user}`)."),
    ("account validation failure", "Its account there is locked: ask the administrator to unlock it."),
    ("no valid sudoers sources", "Its sudoers file has an error: `visudo -c` on the machine shows where."),
    ("parse error", "Its sudoers file has an error: `visudo -c` on the machine shows where."),
    ("syntax error", "Its sudoers file has an error: `visudo -c` on the machine shows where."),
    ("effective uid is not 0", "sudo has no root rights there: ask the administrator to repair its package."),
    ("must be owned by uid 0", "sudo has no root rights there: ask the administrator to repair its package."),
    ("no new privileges", "Its sessions cannot gain privileges (NoNewPrivileges): check the unit of sshd there."),
)
"""sudo's messages when it refuses, in the C locale, and the remedy for each."""


def explain_ssh(stderr: str, machine: str, trust: str) -> ExpectedError:
    """Return the error for an `ssh` that ended with 255; ``trust`` is the command that records the host key."""
    text = stderr.lower()
    if "remote host identification has changed" in text:
        return ChangedHostKeyError(
            f"{machine}: its SSH host key is not the one that was recorded; nothing was sent to it",
            "Another machine may be answering in its place. If the machine was reinstalled and its "
            f"administrator confirms the new fingerprint, run `{trust} --replace`.",
        )
    if "host key is known for" in text or "host key verification failed" in text:
        return UnknownHostKeyError(
            f"{machine}: its SSH host key was never recorded; nothing was sent to it",
            f"Run `{trust}` and compare the fingerprint with what its administrator reads on the machine.",
        )
    if "permission denied" in text or "too many authentication failures" in text:
        return LoginRefusedError(
            f"{machine}: it refuses every key of ours for this user",
            "Check that authorized_keys has SMILÉO's public key, and that the tenant file names the right user.",
        )
    for sign, meaning, hint in _UNREACHABLE:
        if sign in text:
            return MachineUnreachableError(f"{machine}: {meaning}", hint)
    return MachineUnreachableError(
        f"{machine}: ssh failed: {last_line(stderr) or 'it gave no reason'}", "Try it by hand with ssh -v."
    )


def wants_terminal(said: str) -> bool:
    """Tell whether sudo refused because the command had no terminal (`requiretty`)."""
    return any(_NO_TERMINAL in line for line in said.lower().splitlines() if "sudo" in line)


def find_sudo_refusal(said: str, account: Account) -> SudoRefusedError | None:
    """Return the error when sudo, in the C locale, refused; None without such a message."""
    for line in said.splitlines():
        text = line.lower()
        is_sudo = "sudo" in text or text.startswith("sorry, user")
        hint = next((hint for sign, hint in _SUDO if sign in text), None) if is_sudo else None
        if hint is not None:
            return _refusal(account, line.strip().removeprefix("Task failed: "), hint)
    return None


def explain_sudo(account: Account, said: str) -> SudoRefusedError:
    """Return the error when sudo did not start a command, from the output before it."""
    known = find_sudo_refusal(said, account)
    reason = last_line(said) or "it gave no reason"
    return known or _refusal(account, reason, "Try `sudo -n true` as {user} on the machine.")


def _refusal(account: Account, reason: str, hint: str) -> SudoRefusedError:
    return SudoRefusedError(
        f"{account.machine}: {account.user} may not become root: {one_line(reason, _SHOWN)}",
        hint.format(user=account.user),
    )


def explain_shell(account: Account, said: str, exit_code: int) -> LoginShellError:
    """Return the error when a login ended without running our command, from the output until then."""
    words = shorten(said, _SHOWN).rstrip(".")
    hint = (
        f"Give {account.user} there a login shell that runs commands (`usermod --shell /bin/sh {account.user}`) and "
        "start-up files that run to their end, or name another user in the tenant file."
    )
    if "expired" in said.lower():
        hint = f"Ask the machine's administrator to renew the account or its password (`chage -l {account.user}`)."
    return LoginShellError(
        f"{account.machine}: the login shell of {account.user} ran no command and ended with code {exit_code}"
        + (f": {words}" if words else " without output"),
        hint,
    )


def explain_lost_output(account: Account) -> LoginShellError:
    """Return the error when a command ran and none of its output arrived."""
    return LoginShellError(
        f"{account.machine}: the output of commands does not arrive here",
        f"Look for a redirection (`exec >`) in the start-up files of {account.user} on the machine.",
    )


def explain_silence(account: Account, reached: CommandStage, command: str, seconds: float) -> ExpectedError:
    """Return the error when a command did not answer in time, by how far it came."""
    if reached is CommandStage.NOTHING:
        return LoginShellError(
            f"{account.machine}: the login shell of {account.user} did not run a command within {seconds:.0f} seconds",
            f"Check the start-up files of {account.user} there (.bashrc, .zshenv, .profile, /etc/profile): one of them "
            "may wait for input. Check also the load of the machine.",
        )
    if reached is CommandStage.SHELL:
        return SudoRefusedError(
            f"{account.machine}: sudo did not let {account.user} become root within {seconds:.0f} seconds",
            f"Try `sudo -n true` as {account.user} on the machine: sudo may wait for a name server or a directory.",
        )
    return MachineUnreachableError(
        f"{account.machine}: {command} did not answer within {seconds:.0f} seconds", "Check the load of the machine."
    )


def shorten(said: str, limit: int) -> str:
    """Return a message as one line without decoration; for a long one its end, which has the cause."""
    whole = " ".join(" ".join(significant_lines(said.splitlines())).split())
    line = visible(whole[-limit:])
    if len(whole) <= limit and len(line) <= limit:
        return line
    end = line[2 - limit :]
    _, found, rest = end.partition(" ")
    return f"… {rest if found else end}"


def last_line(text: str) -> str:
    """Return the last line that has a message."""
    lines = significant_lines(text.splitlines())
    return lines[-1] if lines else ""


def significant_lines(lines: Iterable[str]) -> list[str]:
    """Return the lines that are neither blank nor decoration."""
    return [line.strip() for line in lines if line.strip().strip("@-=*#")]
