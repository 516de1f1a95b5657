"""Processes of the lab: started in the background, found by their command line, ended by process id.

There are no pid files: a daemon is the process whose command line names this lab's own file or machine, so a killed
lab, a reboot and a reused process id need no special case.
"""

import os
import select
import shutil
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from coffre.errors import ExpectedError, RemoteError
from coffre.outside import processes

OUTPUT_BYTES = 64 * 1024**2
LOG_TAIL_LINES = 15
EXEC_SECONDS = 10.0
# The environment of the lab's children: without the caller's credentials, certificates or language.
CHILD_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}


@dataclass(frozen=True)
class Daemon:
    """A background program of the lab, known by its program name and arguments that no other process has together."""

    name: str
    program: str
    argv: tuple[str, ...]
    """What is started; it may begin with a shell that ends by becoming the program."""
    markers: tuple[str, ...]
    log: Path


def is_match(command_line: bytes, daemon: Daemon) -> bool:
    """Tell whether ``/proc/PID/cmdline`` is the daemon's program with its exact arguments."""
    program, *arguments = command_line.rstrip(b"\0").split(b"\0")
    has_markers = all(marker.encode() in arguments for marker in daemon.markers)
    return has_markers and Path(os.fsdecode(program)).name == daemon.program


def read_command_line(pid: int) -> bytes:
    """Return the command line of a process; empty for a kernel thread, a zombie, or one that is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def list_pids(daemon: Daemon) -> list[int]:
    """Return the process ids that run this daemon now, normally none or one."""
    return [pid for pid in list_all_pids() if is_match(read_command_line(pid), daemon)]


def list_all_pids() -> list[int]:
    """Return every process id of this machine."""
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def is_running(daemon: Daemon) -> bool:
    """Tell whether the daemon runs."""
    return bool(list_pids(daemon))


def start(daemon: Daemon) -> int:
    """Start the daemon in a session of its own, its output at the end of its log, and return its process id.

    ``posix_spawn`` and not ``subprocess``: the daemon outlives its parent, so nothing must wait for it.
    """
    daemon.log.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    actions: list[tuple[int, int, str, int, int]] = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(daemon.log), flags, 0o600),
        (os.POSIX_SPAWN_OPEN, 2, str(daemon.log), flags, 0o600),
    ]
    try:
        pid = os.posix_spawnp(
            daemon.argv[0], daemon.argv, CHILD_ENVIRONMENT, file_actions=actions, setsid=True, setsigmask=[]
        )
    except FileNotFoundError as error:
        raise _not_installed(daemon.argv[0]) from error
    _wait_for_program(daemon, pid)
    return pid


def _wait_for_program(daemon: Daemon, pid: int) -> None:
    """Wait until the shell that a daemon may begin with has become the program, or has ended.

    A command line is empty for an instant on the way, so that only the exit status tells an end.
    """
    deadline = time.monotonic() + EXEC_SECONDS
    while time.monotonic() < deadline:
        is_started = is_match(read_command_line(pid), daemon)
        if is_started or os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            return
        time.sleep(0.01)


def reap(pid: int) -> None:
    """Collect the exit status of an ended child, so that no zombie stays while this process lives."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return


def end(daemon: Daemon, *, first: signal.Signals = signal.SIGTERM, grace_seconds: float = 20) -> None:
    """End every process of the daemon: first politely, then for certain; return when it is gone."""
    for pid in list_pids(daemon):
        end_pid(pid, partial(_runs, daemon, pid), first=first, grace_seconds=grace_seconds)


def _runs(daemon: Daemon, pid: int) -> bool:
    """Tell whether this process id is the daemon."""
    return is_match(read_command_line(pid), daemon)


def end_pid(
    pid: int, is_still_ours: Callable[[], bool], *, first: signal.Signals = signal.SIGTERM, grace_seconds: float = 20
) -> None:
    """End one process; the handle is opened before the last check, so a reused id is never signalled."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        if not is_still_ours():
            return
        for number, seconds in ((first, grace_seconds), (signal.SIGKILL, 20.0)):
            signal.pidfd_send_signal(handle, number)
            if select.select([handle], [], [], seconds)[0]:
                reap(pid)
                return
    except ProcessLookupError:
        reap(pid)
        return
    finally:
        os.close(handle)
    raise RemoteError(f"process {pid} does not end, not even by SIGKILL", "look at it with ps; a reboot clears it")


def run(
    argv: Sequence[str], *, timeout: float, environment: Mapping[str, str] | None = None, what: str | None = None
) -> str:
    """Run a tool of the lab to its end and return what it printed; ``what`` it is in errors, if not its command.

    Raises RemoteError with the end of its error output when it fails or takes longer than ``timeout`` seconds. The tool
    ends with us, also when we are killed: left alone, it would go on changing what the next start makes anew.
    """
    if shutil.which(argv[0], path=CHILD_ENVIRONMENT["PATH"]) is None:
        raise _not_installed(argv[0])
    try:
        done = processes.run(
            ["setpriv", "--pdeathsig", "KILL", "--", *argv],
            processes.Limits(timeout, OUTPUT_BYTES),
            environment=CHILD_ENVIRONMENT | dict(environment or {}),
        )
    except FileNotFoundError as error:
        raise _not_installed("setpriv") from error
    except processes.DeadlinePassedError as error:
        raise RemoteError(f"{what or argv[0]} did not end within {timeout:g} s") from error
    stdout, stderr = done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
    if done.exit_code != 0:
        lines = (stderr.strip() or stdout.strip()).splitlines()[-LOG_TAIL_LINES:]
        raise RemoteError(f"{what or ' '.join(argv)} failed with exit code {done.exit_code}: " + "\n".join(lines))
    return stdout


def _not_installed(program: str) -> ExpectedError:
    return ExpectedError(f"{program} is not installed", "run make setup as root, which installs the lab's packages")


def tail(log: Path, lines: int = LOG_TAIL_LINES) -> str:
    """Return the last lines of a log file, or a word on its absence."""
    try:
        text = log.read_text(errors="replace")
    except FileNotFoundError:
        return "(no log)"
    return "\n".join(text.splitlines()[-lines:])


def wait_until(
    condition: Callable[[], bool], what: str, *, seconds: float, daemon: Daemon | None = None, pause: float = 0.1
) -> None:
    """Wait until the condition holds, looking every ``pause`` seconds.

    Raises RemoteError, quoting the daemon's log, after ``seconds``, or at once when the daemon has ended.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        ended = daemon is not None and not is_running(daemon)
        if ended or time.monotonic() > deadline:
            reason = "its process has ended" if ended else f"not within {seconds:g} s"
            end_of_log = f"; the end of {daemon.log}:\n{tail(daemon.log)}" if daemon else ""
            raise RemoteError(f"{what}: {reason}{end_of_log}", "coffre lab down, then coffre lab up, starts afresh")
        time.sleep(pause)
