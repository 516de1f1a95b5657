"""Runs commands on a tenant's machine with OpenSSH; host keys are always checked. Only this module runs the client."""

import contextlib
import os
import secrets
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from coffre.agents.reach.framing import CommandStage, Frame
from coffre.agents.reach.ssh_errors import (
    Account,
    MachineUnreachableError,
    explain_lost_output,
    explain_shell,
    explain_silence,
    explain_ssh,
    explain_sudo,
    wants_terminal,
)
from coffre.errors import ExpectedError
from coffre.outside import processes
from coffre.outside.environment import child_environment, temporary_folder
from coffre.spec.tenant import SshConnection
from coffre.workspace.private_folder import private_folder

CONNECT_SECONDS = 10
DEFAULT_PORT = 22
SSH_FAILED = 255
STDOUT_BYTES = 2 * 1024**2
"""The maximum output of a command on a machine: a report has 1 MiB at most."""
KEEP_SECONDS = 20
"""How long a shared connection outlives a run that was killed before it could close it."""
SETTLE_SECONDS = 10.0
"""How long the last error output may take to arrive after the rest."""
LINGER_SECONDS = 2.0
"""How long ssh may take to end after the command."""
BEGIN_SECONDS = 60
"""How long a long command may take to begin: the connection, start-up files, sudo."""
CLIENT_VARIABLES = ("LC_ALL", "PATH", "HOME", "TMPDIR", "USER", "LOGNAME", "SSH_AUTH_SOCK", "XDG_RUNTIME_DIR")
"""The variables that the ssh programs need from our environment: none is a secret of ours."""


@dataclass(frozen=True)
class CompletedRun:
    """The result of a command on a machine."""

    exit_code: int
    stdout: str
    stderr: str


def ssh_options(known_hosts: Path, ssh_config: Path | None) -> list[str]:
    """Return the options of every connection to a tenant's machine, Ansible's included. Pure.

    Host keys come from the tenant's own file (and a global one in ``ssh_config`` if set); ssh never asks a question.
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


def known_as(connection: SshConnection) -> str | None:
    """Return the name under which the host key of a site's machine is recorded; None on no site: ssh's own name.

    An address of a private network is that of another machine on each site. Pure.
    """
    if connection.site is None:
        return None
    port = "" if connection.port == DEFAULT_PORT else f":{connection.port}"
    return f"{connection.host}{port}@{connection.site}"


def _quote_file(path: Path) -> str:
    """Write a file name for ssh_config: quoted, since a blank separates two files, and with % doubled."""
    return '"' + str(path).replace("%", "%%") + '"'


def control_path(folder: Path) -> str:
    """Return the path of a shared connection's socket for ssh_config: a folder's name may have blanks. Pure."""
    return _quote_file(folder).removesuffix('"') + '/%C"'


class SshMachine:
    """One machine over one shared connection, opened by the first command and closed with the block.

    ``trust`` is the command with which an operator records its host key; it only appears in hints.
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
        self._terminal = False
        self._held = contextlib.ExitStack()

    def __enter__(self) -> Self:
        # A socket's path has 108 bytes at most, so it is never in a folder of the checkout.
        self._sockets = self._held.enter_context(private_folder(temporary_folder()))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # Closing the folder ends the ssh that has its socket.
        self._held.close()
        self._sockets = None

    @property
    def folder(self) -> Path:
        """The private folder of this connection on this computer; only while it is open."""
        assert self._sockets is not None  # noqa: S101 - asked within the block
        return self._sockets

    @property
    def name(self) -> str:
        """The machine's host name in the tenant file."""
        return self._connection.host

    def run(self, argv: Sequence[str], timeout_seconds: float, stdin: str | None = None) -> CompletedRun:
        """Run a command as root (by sudo if the connection has it) and return its result, for every exit code.

        The output of start-up files or other processes on the machine is not included. Raises one of `ssh_errors` when
        the command could not run. A command that exceeds its time is left to the machine's sshd to end, with
        UnreachableError; one that prints without end is left as well, with EndlessOutputError.
        """
        while True:
            frame = self._frame()
            done = self._run(frame, argv, timeout_seconds, stdin)
            said = frame.read(done.stdout, done.stderr)
            if said.exit_code is not None:
                return CompletedRun(said.exit_code, said.stdout, said.stderr)
            if not self._learns_from(frame, done):
                raise self._explain(frame, done)

    @contextlib.contextmanager
    def started(self, argv: Sequence[str]) -> Iterator["Started"]:
        """Start a command as root and give its pipes once it has begun; the end of the block closes its connection.

        Then, and when this process dies, the command reads the end of its standard input: this is its signal to end.
        Nothing is sent to the machine before it has begun, so that no start-up file reads its input.
        """
        with contextlib.ExitStack() as held:
            started = held.enter_context(self._start(argv))
            if not started.has_begun:
                first = started.end_unbegun()
                if not self._learns_from(started.frame, first):
                    raise self._explain(started.frame, first)
                started = held.enter_context(self._start(argv))
            if not started.has_begun:
                raise self._explain(started.frame, started.end_unbegun())
            yield started

    @contextlib.contextmanager
    def _start(self, argv: Sequence[str]) -> Iterator["Started"]:
        frame = self._frame()
        process = subprocess.Popen(
            self._command(frame.run(argv, become=self._connection.become)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=child_environment(os.environ, only=CLIENT_VARIABLES),
        )
        try:
            yield Started(process, frame, self._hang_up)
        finally:
            process.terminate()
            process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    # Unsent input breaks the pipe a second time.
                    with contextlib.suppress(BrokenPipeError):
                        pipe.close()

    def _hang_up(self) -> None:
        """End the shared connection: it keeps a command's pipes open as long as any process on the machine does."""
        if self._sockets is not None:
            ending = ["ssh", *self._shared(), "-O", "exit", self._target]
            settled = child_environment(os.environ, only=CLIENT_VARIABLES)
            with contextlib.suppress(processes.ProcessError):
                processes.run(ending, processes.Limits(CONNECT_SECONDS), environment=settled)

    def _frame(self) -> Frame:
        return Frame(f"coffre-{secrets.token_hex(8)}", self._terminal)

    def _run(self, frame: Frame, argv: Sequence[str], timeout_seconds: float, stdin: str | None) -> CompletedRun:
        command = self._command(frame.run(argv, become=self._connection.become))
        try:
            return self._call(command, self._limits(frame, timeout_seconds), stdin)
        except processes.DeadlinePassedError as late:
            reached = frame.reached((late.stdout + late.stderr).decode("utf-8", "replace"))
            raise explain_silence(self._account, reached, f"`{argv[0]}`", timeout_seconds) from None
        except processes.EndlessOutputError:
            raise processes.EndlessOutputError(
                f"{self.name}: `{argv[0]}` printed without end and was stopped",
                "A sound machine does not do that: check the login shell of root and this program on it.",
            ) from None

    @staticmethod
    def _limits(frame: Frame, timeout_seconds: float) -> processes.Limits:
        return processes.Limits(timeout_seconds, STDOUT_BYTES, frame.is_over)

    def _learns_from(self, frame: Frame, done: CompletedRun) -> bool:
        """Tell whether a command that sudo refused should be tried again, with a terminal."""
        before = frame.before(done.stdout, done.stderr)
        if self._terminal or not self._connection.become or not wants_terminal(before):
            return False
        self._terminal = True
        return True

    def _explain(self, frame: Frame, done: CompletedRun) -> ExpectedError:
        """Return the error for a command that did not begin, or did not end."""
        said = f"{done.stdout}\n{done.stderr}"
        reached, before = frame.reached(said), frame.before(done.stdout, done.stderr)
        if reached is CommandStage.COMMAND and frame.begin not in done.stdout:
            return explain_lost_output(self._account)
        if reached is CommandStage.COMMAND:
            return MachineUnreachableError(f"{self.name}: the connection broke", "Run the command again.")
        if reached is CommandStage.SHELL and self._connection.become and frame.over in said:
            return explain_sudo(self._account, before)
        if done.exit_code < 0:
            return explain_silence(self._account, reached, "the command", BEGIN_SECONDS)
        # ssh's own 255 comes with an error message; the same code from a login shell does not.
        if done.exit_code == SSH_FAILED and (done.stderr.strip() or not done.stdout):
            return explain_ssh(frame.before(done.stderr), self.name, self._trust)
        return explain_shell(self._account, before, done.exit_code)

    @property
    def _account(self) -> Account:
        return Account(self.name, self._connection.user)

    def _command(self, text: str) -> list[str]:
        return ["ssh", "-T", *self._shared(), self._target, "--", text]

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
    def _call(command: Sequence[str], limits: processes.Limits, stdin: str | None) -> CompletedRun:
        done = processes.run(
            command,
            limits,
            stdin=(stdin or "").encode(),
            environment=child_environment(os.environ, only=CLIENT_VARIABLES),
        )
        return CompletedRun(
            done.exit_code, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
        )


class Started:
    """A command that is running on a machine.

    ``has_begun`` is False when ssh ended, or was ended after BEGIN_SECONDS, before the command began.
    """

    def __init__(self, process: "subprocess.Popen[bytes]", frame: Frame, hang_up: Callable[[], None]) -> None:
        assert process.stdin is not None  # noqa: S101 - a pipe was asked for
        self.stdin = process.stdin
        self.frame = frame
        self._process = process
        self._hang_up = hang_up
        self._complaints = processes.Complaints(process)
        self._before = bytearray()
        watch = threading.Timer(BEGIN_SECONDS, self._cut)
        watch.start()
        try:
            self.has_begun = self._find_begin()
        finally:
            watch.cancel()

    def lines(self, total_bytes: int) -> Iterator[str]:
        """Yield the command's own output, line by line; EndlessOutputError for more than ``total_bytes``."""
        end, over = f"{self.frame.mark} end ", f"{self.frame.over}\n".encode()
        for line in self._read(total_bytes):
            which, text = self.frame.own(line.decode("utf-8", "replace").removesuffix("\n"))
            if which == "1" and not text.startswith(end):
                yield text
            elif which:
                self._before += line
            elif line == over:
                return

    def end(self) -> CompletedRun:
        """Wait for the command's end and return exit code and error output; SSH_FAILED after a broken connection."""
        over = f"{self.frame.over}\n".encode()
        self._complaints.wait_for(lambda kept: over in kept, SETTLE_SECONDS)
        self._finish()
        said = self.frame.read(self._before.decode("utf-8", "replace"), f"{self._complained()}\n")
        return CompletedRun(SSH_FAILED if said.exit_code is None else said.exit_code, "", said.stderr)

    def end_unbegun(self) -> CompletedRun:
        """Wait for the end of a command that never began, and return all output until then."""
        code = self._finish()
        return CompletedRun(code, self._before.decode("utf-8", "replace"), self._complained())

    def _finish(self) -> int:
        """Wait for ssh's end, or end it: a process left by a start-up file can keep the connection open."""
        try:
            return self._process.wait(LINGER_SECONDS)
        except subprocess.TimeoutExpired:
            self._cut()
            return self._process.wait()

    def _cut(self) -> None:
        self._process.kill()
        self._hang_up()

    def _complained(self) -> str:
        said = "\n".join(self._complaints.lines())
        self._complaints.refuse_endless()
        return said

    def _find_begin(self) -> bool:
        begin, over = (f"{which}\n".encode() for which in (self.frame.begin, self.frame.over))
        for line in self._read(STDOUT_BYTES):
            if line in (begin, over):
                return line == begin
            self._before += line
        return False

    def _read(self, total_bytes: int) -> Iterator[bytes]:
        assert self._process.stdout is not None  # noqa: S101 - a pipe was asked for
        return processes.read_lines(self._process.stdout, "the machine", total_bytes=total_bytes)
