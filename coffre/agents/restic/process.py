"""One run of the restic program: secrets by environment, output line by line, ended at the latest at a deadline."""

import collections
import contextlib
import io
import os
import subprocess
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from coffre.agents.restic.output import explain_exit
from coffre.errors import RemoteError

STDERR_LINES = 200
BLOCK_BYTES = 1024**2
STOP_SECONDS = 15.0
"""How long restic may take to end by itself once told to: it removes its lock meanwhile."""

# Anything of these in our own environment would speak to restic or Go behind our back.
_DROPPED_PREFIXES = ("AWS_", "RESTIC_", "SSL_CERT_", "COFFRE_", "PULUMI_", "GODEBUG", "GOTRACEBACK")


class ResticError(RemoteError):
    """restic ended badly; ``exit_code_of_restic`` is None when it was ended at its deadline."""

    def __init__(self, message: str, hint: str = "", exit_code_of_restic: int | None = None) -> None:
        super().__init__(message, hint)
        self.exit_code_of_restic = exit_code_of_restic


@dataclass(frozen=True)
class ResticCommand:
    """A command and what it needs; secrets stand in ``secret_environment`` alone and never in ``arguments``."""

    program: Path
    arguments: Sequence[str]
    secret_environment: Mapping[str, str]
    deadline_seconds: float


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without what would change restic's behaviour, and in no language but restic's own."""
    kept = {key: value for key, value in environment.items() if not key.startswith(_DROPPED_PREFIXES)}
    return {**kept, "LC_ALL": "C.UTF-8"}


def stream(command: ResticCommand) -> Iterator[str]:
    """Run restic and yield the lines of its standard output as they come.

    ResticError when it fails or passes its deadline. The program has ended when this returns, raises or is closed.
    """
    with _running(command) as output:
        for line in output:
            yield line.decode("utf-8", "surrogateescape")


def stream_bytes(command: ResticCommand) -> Iterator[bytes]:
    """Run restic and yield its standard output in blocks of bytes, as `stream` does with lines."""
    with _running(command) as output:
        while block := output.read1(BLOCK_BYTES):
            yield block


@contextmanager
def _running(command: ResticCommand) -> Iterator[io.BufferedReader]:
    """Run restic for as long as its output is read; whoever leaves before its end is told nothing of how it ended."""
    process = subprocess.Popen(
        [str(command.program), *command.arguments],
        env={**clean_environment(os.environ), **command.secret_environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    stderr: collections.deque[str] = collections.deque(maxlen=STDERR_LINES)
    is_late = threading.Event()
    reader = threading.Thread(target=_drain, args=(process, stderr), daemon=True)
    timer = threading.Timer(command.deadline_seconds, _stop_late, args=(process, is_late))
    timer.daemon = True
    reader.start()
    timer.start()
    try:
        assert isinstance(process.stdout, io.BufferedReader)  # noqa: S101 - a pipe was asked for
        yield process.stdout
        process.wait()
    finally:
        timer.cancel()
        _stop(process)
        reader.join()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
    _raise_for(process.returncode, is_late.is_set(), stderr, command)


def _raise_for(code: int, is_late: bool, stderr: Sequence[str], command: ResticCommand) -> None:
    lines = [redact(line, command.secret_environment.values()) for line in stderr]
    if is_late:
        last = f"; it said last: {lines[-1].strip()}" if lines else ""
        raise ResticError(
            f"restic did not end within {command.deadline_seconds:.0f} seconds and was stopped{last}",
            "Does the platform answer? restic keeps trying for 15 minutes when it does not.",
        )
    if code != 0:
        message, hint = explain_exit(code, lines)
        raise ResticError(message, hint, code)


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return the text with every secret replaced."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    return text


def _drain(process: "subprocess.Popen[bytes]", lines: collections.deque[str]) -> None:
    assert process.stderr is not None  # noqa: S101 - a pipe was asked for
    lines.extend(line.decode("utf-8", "surrogateescape") for line in process.stderr)


def _stop_late(process: "subprocess.Popen[bytes]", is_late: threading.Event) -> None:
    is_late.set()
    _stop(process)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """End the program and wait for it: asked first, then forced."""
    if process.poll() is not None:
        return
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
        return
    process.kill()
    process.wait()
