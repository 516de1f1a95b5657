"""The one module that runs the OpenSSH client: commands on a tenant's machine, its host key always checked."""

import contextlib
import os
import shlex
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from coffre.agents.private_folder import private_folder
from coffre.agents.ssh_errors import UnreachableError, explain_ssh, find_sudo_refusal
from coffre.outside import processes
from coffre.outside.environment import child_environment, temporary_folder
from coffre.spec.tenant import SshConnection

CONNECT_SECONDS = 10
DEFAULT_PORT = 22
SSH_FAILED = 255
STDOUT_BYTES = 2 * 1024**2
"""The most that a command on a machine may print: a report has 1 MiB at most."""
KEEP_SECONDS = 60
"""How long a shared connection outlives a run that was killed before it could end it."""


@dataclass(frozen=True)
class CompletedRun:
    """What a command on a machine ended with."""

    exit_code: int
    stdout: str
    stderr: str


def ssh_options(known_hosts: Path, ssh_config: Path | None) -> list[str]:
    """Return the options that every connection to a tenant's machine is made with, Ansible's included. Pure.

    Host keys come from the tenant's own file (and a global one that ``ssh_config`` may name); nothing is ever asked.
    """
    config = ["-F", str(ssh_config)] if ssh_config else []
    settings = {
        "StrictHostKeyChecking": "yes",
        "UserKnownHostsFile": _quote_file(known_hosts),
        "UpdateHostKeys": "no",
        "BatchMode": "yes",
        "ConnectTimeout": str(CONNECT_SECONDS),
        "ServerAliveInterval": "15",
        "ServerAliveCountMax": "3",
        "ForwardAgent": "no",
        "ForwardX11": "no",
        "LogLevel": "ERROR",
    }
    return [*config, *(part for name, value in settings.items() for part in ("-o", f"{name}={value}"))]


def _quote_file(path: Path) -> str:
    """Write a file name as ssh_config wants it: quoted, since a blank separates two files, and % doubled."""
    return '"' + str(path).replace("%", "%%") + '"'


def control_path(folder: Path) -> str:
    """Return where a shared connection's socket is, as ssh_config wants it: a folder's name may hold blanks. Pure."""
    return _quote_file(folder).removesuffix('"') + '/%C"'


class SshMachine:
    """One machine over one shared connection, made at the first command and ended with the block.

    ``trust`` is the command an operator types to record its host key; it only appears in hints.
    """

    def __init__(
        self,
        connection: SshConnection,
        *,
        ssh_config: Path | None,
        known_hosts: Path,
        trust: str = "coffre trust TENANT MACHINE",
    ) -> None:
        self._connection = connection
        self._trust = trust
        self._options = ssh_options(known_hosts, ssh_config)
        if connection.port != DEFAULT_PORT:
            self._options += ["-p", str(connection.port)]
        self._sockets: Path | None = None
        self._held = contextlib.ExitStack()

    def __enter__(self) -> Self:
        # A socket's path has 108 bytes at most, so never a folder of the checkout.
        self._sockets = self._held.enter_context(private_folder(temporary_folder()))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # Leaving the folder ends the ssh that holds its socket.
        self._held.close()
        self._sockets = None

    @property
    def folder(self) -> Path:
        """The private folder of this connection, here; only while it is open."""
        assert self._sockets is not None  # noqa: S101 - asked within the block
        return self._sockets

    @property
    def name(self) -> str:
        """The machine's host name, as the tenant file has it."""
        return self._connection.host

    def run(self, argv: Sequence[str], timeout_seconds: float, stdin: str | None = None) -> CompletedRun:
        """Run a command as root (by sudo where the connection says so) and return how it ended, whatever its exit code.

        Raises one of `ssh_errors` when the machine could not be asked. A command that passes its time is left to the
        machine's sshd to end, and UnreachableError says so; one that prints for ever is left as well, and
        EndlessOutputError says that.
        """
        try:
            done = self._call(self._command(argv), timeout_seconds, stdin)
        except processes.DeadlinePassedError:
            raise UnreachableError(
                f"{self.name}: `{argv[0]}` did not answer within {timeout_seconds:.0f} seconds",
                "Is the machine overloaded?",
            ) from None
        except processes.EndlessOutputError:
            raise processes.EndlessOutputError(
                f"{self.name}: `{argv[0]}` printed without end, and was left",
                "No honest machine does that: look at its root's login shell and at that program on it.",
            ) from None
        self.check_asked(done)
        return done

    @contextlib.contextmanager
    def started(self, argv: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
        """Start a command as root and give ssh's pipes; at the end of the block the line to it is cut.

        The command reads the end of its standard input then, and when this process dies: that is its sign to end.
        """
        process = subprocess.Popen(
            self._command(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=client_environment(os.environ),
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    # What could not be sent any more breaks the pipe a second time.
                    with contextlib.suppress(BrokenPipeError):
                        pipe.close()

    def check_asked(self, done: CompletedRun) -> None:
        """Raise one of `ssh_errors` when a run ended because the machine could not be asked, or sudo refused."""
        # ssh's own 255 comes with its complaint; the same code from the command does not.
        if done.exit_code == SSH_FAILED and done.stderr:
            raise explain_ssh(done.stderr, self.name, self._trust)
        if self._connection.become and done.exit_code != 0:
            refusal = find_sudo_refusal(done.stderr, self.name, self._connection.user)
            if refusal is not None:
                raise refusal

    def _command(self, argv: Sequence[str]) -> list[str]:
        command = ["env", "LC_ALL=C", *(["sudo", "-n", "--"] if self._connection.become else []), *argv]
        return ["ssh", "-T", *self._shared(), self._target, "--", shlex.join(command)]

    @property
    def _target(self) -> str:
        return f"{self._connection.user}@{self._connection.host}"

    def _shared(self) -> list[str]:
        if self._sockets is None:
            return self._options
        sharing = {
            "ControlMaster": "auto",
            "ControlPersist": str(KEEP_SECONDS),
            "ControlPath": control_path(self._sockets),
        }
        return [*self._options, *(part for name, value in sharing.items() for part in ("-o", f"{name}={value}"))]

    @staticmethod
    def _call(command: Sequence[str], timeout_seconds: float, stdin: str | None) -> CompletedRun:
        done = processes.run(
            command,
            processes.Limits(timeout_seconds, STDOUT_BYTES),
            stdin=(stdin or "").encode(),
            environment=client_environment(os.environ),
        )
        return CompletedRun(
            done.exit_code, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
        )


def client_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what the ssh programs need of our environment: no secret of ours, and messages in English."""
    kept = ("LC_ALL", "PATH", "HOME", "TMPDIR", "USER", "LOGNAME", "SSH_AUTH_SOCK", "XDG_RUNTIME_DIR")
    return {name: value for name, value in child_environment(environment).items() if name in kept}
