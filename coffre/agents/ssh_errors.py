"""What an SSH client's complaint means, as errors told apart by what the operator does next. Pure."""

from collections.abc import Iterable

from coffre.errors import ExpectedError, RefusedError, RemoteError


class UnreachableError(RemoteError):
    """Nobody answered at the machine's address, or the line broke: it may work later."""


class LoginRefusedError(RemoteError):
    """The machine answered and did not let us in."""


class SudoRefusedError(RemoteError):
    """We are in, and the user may not become root without being asked for a password."""


class UnknownHostKeyError(RefusedError):
    """The machine's host key was never recorded."""


class ChangedHostKeyError(RefusedError):
    """The machine shows another host key than the one recorded: another machine answers, or it was installed anew."""


_UNREACHABLE = (
    ("could not resolve hostname", "its name does not resolve", "Is it right in the tenant file, and in ssh_config?"),
    ("connection refused", "it answers, but no SSH server listens there", "Is sshd running on it, and the port right?"),
    ("no route to host", "there is no route to it", "Is it switched on, and the VPN up?"),
    ("network is unreachable", "there is no route to it", "Is this computer's network up, and the VPN?"),
    ("timed out", "it did not answer in time", "Is it switched on and in the network?"),
    ("connection closed", "it closed the connection", "Look at the sshd log on it."),
    ("connection reset", "it closed the connection", "Look at the sshd log on it."),
    ("broken pipe", "the connection broke", "Try again."),
    ("unable to negotiate", "no common SSH algorithm", "Its SSH server is too old, or too strictly set."),
    ("kex_exchange_identification", "no SSH server answers there", "Is the port right?"),
)  # fmt: skip
_SUDO = (
    "a password is required",
    "is not in the sudoers file",
    "is not allowed to",
    "may not run sudo",
    "must have a tty",
    "missing sudo password",
)


def explain_ssh(stderr: str, machine: str, trust: str) -> ExpectedError:
    """Return what an `ssh` that ended with 255 complains about; ``trust`` is the command that records the host key."""
    text = stderr.lower()
    if "remote host identification has changed" in text:
        return ChangedHostKeyError(
            f"{machine}: its SSH host key is not the one that was recorded; nothing was sent to it",
            "Another machine may be answering in its place. If it was installed anew and its administrator confirms "
            f"the new fingerprint, run `{trust} --replace`.",
        )
    if "host key is known for" in text or "host key verification failed" in text:
        return UnknownHostKeyError(
            f"{machine}: its SSH host key was never recorded; nothing was sent to it",
            f"Run `{trust}` and compare the fingerprint with what its administrator reads on the machine.",
        )
    if "permission denied" in text or "too many authentication failures" in text:
        return LoginRefusedError(
            f"{machine}: it does not let this user in with any of our keys",
            "Is SMILÉO's public key in the user's authorized_keys, and the user right in the tenant file?",
        )
    for sign, meaning, hint in _UNREACHABLE:
        if sign in text:
            return UnreachableError(f"{machine}: {meaning}", hint)
    return UnreachableError(
        f"{machine}: ssh failed: {last_line(stderr) or 'it gave no reason'}", "Try it by hand with ssh -v."
    )


def find_sudo_refusal(stderr: str, machine: str, user: str) -> SudoRefusedError | None:
    """Return the error when sudo, run with -n in the C locale, refused; None when it did not."""
    lines = [line.strip().removeprefix("Task failed: ") for line in stderr.splitlines() if "sudo" in line]
    refusals = [line for line in lines if any(sign in line.lower() for sign in _SUDO)]
    if not refusals and "sudo: not found" not in stderr and "sudo': No such file" not in stderr:
        return None
    return SudoRefusedError(
        f"{machine}: {user} may not become root: {(refusals or ['there is no sudo'])[0]}",
        f"Give {user} `NOPASSWD: ALL` in sudoers on the machine, or connect as root (`user: root`, no `become`).",
    )


def last_line(text: str) -> str:
    """Return the last line that says something."""
    lines = significant_lines(text.splitlines())
    return lines[-1] if lines else ""


def significant_lines(lines: Iterable[str]) -> list[str]:
    """Return the lines that are neither blank nor decoration."""
    return [line.strip() for line in lines if line.strip().strip("@-=*#")]
