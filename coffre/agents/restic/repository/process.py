"""Runs restic once: secrets in the environment, output line by line, with a deadline at which it is ended."""

import io
import os
import shutil
import subprocess
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from coffre.agents.repository import RepositoryError
from coffre.agents.restic.repository.damage import Damage, find_damage, list_damaged_packs
from coffre.agents.restic.repository.explain import describe_damage, explain_exit
from coffre.outside.environment import NOT_FOR_GO_PROGRAMS, child_environment
from coffre.outside.processes import LINE_BYTES, Complaints, EndlessOutputError, read_lines, stop

BLOCK_BYTES = 1024**2


FOUND_ERRORS, CRASHED, INCOMPLETE = 1, 2, 3
"""restic's exit codes for errors found, for a panic on its input, and for a partly failed operation."""

REFUSED_BY_PLATFORM = "Access Denied"
"""restic's message for any refusal of the platform (HTTP 403)."""


class ResticError(RepositoryError):
    """restic failed; ``exit_code_of_restic`` is None when it was ended at its deadline, or never ran.

    ``damaged`` is the altered or lost part of the repository, None when restic names none.
    """

    def __init__(
        self,
        message: str,
        hint: str = "",
        exit_code_of_restic: int | None = None,
        said: Sequence[str] = (),
        damaged: Damage | None = None,
    ) -> None:
        super().__init__(
            message,
            hint,
            is_late=exit_code_of_restic is None,
            was_stopped=exit_code_of_restic is None or exit_code_of_restic < 0,
            found_errors=exit_code_of_restic in (FOUND_ERRORS, CRASHED),
            may_name_files=exit_code_of_restic in (FOUND_ERRORS, CRASHED, INCOMPLETE),
            said=said,
            was_refused=REFUSED_BY_PLATFORM in message,
            damage=describe_damage(damaged) if damaged is not None else "",
            damaged_packs=list_damaged_packs(said),
        )
        self.exit_code_of_restic = exit_code_of_restic
        self.damaged = damaged


@dataclass(frozen=True)
class ResticCommand:
    """A command and its needs; secrets are only in ``secret_environment``, never in ``arguments``."""

    program: Path
    arguments: Sequence[str]
    secret_environment: Mapping[str, str]
    deadline_seconds: float
    line_bytes: int = LINE_BYTES
    """The longest accepted line: restic prints what a machine wrote into its repository."""


def bound_to_us(command: ResticCommand) -> ResticCommand:
    """Return the command so that restic ends, and removes its lock, when this process is killed."""
    found = shutil.which("setpriv")
    if found is None:
        return command  # not on Linux: then a lock stays until it is old enough to be removed
    return replace(
        command, program=Path(found), arguments=["--pdeathsig=TERM", str(command.program), *command.arguments]
    )


def stream(command: ResticCommand) -> Iterator[str]:
    """Run restic and yield the lines of its standard output as they arrive.

    ResticError when it fails or passes its deadline. The program has ended when this returns, raises or is closed.
    """
    with _running(command) as output:
        for line in read_lines(output, "restic", command.line_bytes):
            yield line.decode("utf-8", "surrogateescape")


def stream_bytes(command: ResticCommand) -> Iterator[bytes]:
    """Run restic and yield its standard output in blocks of bytes, as `stream` does with lines."""
    with _running(command) as output:
        while block := output.read1(BLOCK_BYTES):
            yield block


@contextmanager
def _running(command: ResticCommand) -> Iterator[io.BufferedReader]:
    """Run restic while its output is read; a reader that stops early gets no result of restic."""
    process = subprocess.Popen(
        [str(command.program), *command.arguments],
        env={**child_environment(os.environ, without=NOT_FOR_GO_PROGRAMS), **command.secret_environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    complaints = Complaints(process)
    is_late = threading.Event()
    timer = threading.Timer(command.deadline_seconds, _stop_late, args=(process, is_late))
    timer.daemon = True
    timer.start()
    try:
        assert isinstance(process.stdout, io.BufferedReader)  # noqa: S101 - a pipe was asked for
        yield process.stdout
        process.wait()
        complaints.lines()
        complaints.refuse_endless()
    except EndlessOutputError as problem:
        raise ResticError(problem.message, problem.hint) from problem
    finally:
        timer.cancel()
        stop(process)
        stderr = complaints.lines()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
    _raise_for(process.returncode, is_late.is_set(), stderr, command)


def _raise_for(code: int, is_late: bool, stderr: Sequence[str], command: ResticCommand) -> None:
    lines = [redact(line, command.secret_environment.values()) for line in stderr]
    if is_late:
        last = f"; its last message: {lines[-1].strip()}" if lines else ""
        raise ResticError(
            f"restic did not end within {command.deadline_seconds:.0f} seconds and was stopped{last}",
            "Check that the platform answers: when it does not, restic tries for 15 minutes.",
        )
    if code != 0:
        message, hint = explain_exit(code, lines)
        raise ResticError(message, hint, code, lines, find_damage(lines))


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return the text with every secret replaced."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    return text


def _stop_late(process: "subprocess.Popen[bytes]", is_late: threading.Event) -> None:
    is_late.set()
    stop(process)
