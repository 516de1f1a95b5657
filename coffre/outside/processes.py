"""Runs programs with foreign output: with a deadline and a limit in bytes, and ends them beyond it.

Only this module captures output: `run` keeps a short one, `read_lines` follows a long one line by line.
"""

import os
import selectors
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from coffre.errors import RemoteError
from coffre.outside.environment import child_environment

CHUNK_BYTES = 64 * 1024
STDOUT_BYTES = 4 * 1024**2
STDERR_BYTES = 64 * 1024
"""The kept part of standard error: its end, which has the reason of a failure."""
COMPLAINTS_LIMIT_BYTES = 256 * 1024**2
"""The maximum of standard error before the program counts as one that prints for ever."""
LINE_BYTES = 1024**2
STOP_SECONDS = 15.0
"""The time for a program to end by itself after a request: meanwhile restic removes its lock."""


class ProcessError(RemoteError):
    """Coffre ended a program: its output or its duration exceeds every honest run."""


class EndlessOutputError(ProcessError):
    """It printed more than such a run ever prints, or an endless line."""


class DeadlinePassedError(ProcessError):
    """It did not end in time; with its output until then and the end of its standard error."""

    stdout = b""
    stderr = b""


@dataclass(frozen=True)
class Limits:
    """The limits of one run: total seconds, bytes of its standard output.

    ``is_over`` gets all output and standard error whenever more comes; when it returns True, the program is ended.
    """

    deadline_seconds: float
    stdout_bytes: int = STDOUT_BYTES
    is_over: Callable[[bytearray, bytearray], bool] = lambda _stdout, _stderr: False


@dataclass(frozen=True)
class Completed:
    """The result of a run: its exit code (negative: the signal), its whole output, the end of its standard error."""

    exit_code: int
    stdout: bytes
    stderr: bytes


def run(
    command: Sequence[str | Path],
    limits: Limits,
    *,
    stdin: bytes = b"",
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Completed:
    """Run a program to its end, with any exit code; it has ended when this returns or raises.

    Without an ``environment`` it gets the usual one (`environment`).

    EndlessOutputError beyond the limit of its output, DeadlinePassedError beyond that of its time; OSError when it
    cannot be started.
    """
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=child_environment(os.environ) if environment is None else environment,
        cwd=folder,
        bufsize=0,
    )
    exchange = _Exchange(process, limits, stdin)
    try:
        exchange.follow()
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
    return Completed(process.returncode, bytes(exchange.stdout), bytes(exchange.stderr))


class _Exchange:
    """The input and output of one program, as it comes."""

    def __init__(self, process: "subprocess.Popen[bytes]", limits: Limits, stdin: bytes) -> None:
        self._process = process
        self._limits = limits
        self._name = name_of(process)
        self._until = time.monotonic() + limits.deadline_seconds
        self._unsent = memoryview(stdin)
        self._complained_bytes = 0
        self.stdout = bytearray()
        self.stderr = bytearray()

    def follow(self) -> None:
        with selectors.DefaultSelector() as selector:
            for each, events in self._pipes():
                os.set_blocking(each.fileno(), False)
                selector.register(each, events, each)
            while selector.get_map():
                for key, _ in selector.select(self._seconds_left()):
                    pipe: IO[bytes] = key.data
                    is_done = self._send(pipe) if pipe is self._process.stdin else self._take(pipe)
                    if is_done:
                        selector.unregister(pipe)
                        pipe.close()
                if self._limits.is_over(self.stdout, self.stderr):
                    return
        try:
            self._process.wait(self._seconds_left())
        except subprocess.TimeoutExpired:
            raise self._late() from None

    def _pipes(self) -> Iterator[tuple[IO[bytes], int]]:
        for pipe, events in (
            (self._process.stdin, selectors.EVENT_WRITE),
            (self._process.stdout, selectors.EVENT_READ),
            (self._process.stderr, selectors.EVENT_READ),
        ):
            if pipe is not None:
                yield pipe, events

    def _seconds_left(self) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise self._late()
        return left

    def _late(self) -> DeadlinePassedError:
        late = DeadlinePassedError(
            f"{self._name} did not end within {self._limits.deadline_seconds:.0f} seconds and was stopped",
            "Run the command again.",
        )
        late.stdout, late.stderr = bytes(self.stdout), bytes(self.stderr)
        return late

    def _send(self, pipe: IO[bytes]) -> bool:
        try:
            self._unsent = self._unsent[os.write(pipe.fileno(), self._unsent[:CHUNK_BYTES]) :]
        except BrokenPipeError:
            return True  # Its exit code shows why it stopped reading.
        return not self._unsent

    def _take(self, pipe: IO[bytes]) -> bool:
        chunk = os.read(pipe.fileno(), CHUNK_BYTES)
        if pipe is self._process.stdout:
            self.stdout += chunk
            if len(self.stdout) > self._limits.stdout_bytes:
                raise endless(self._name, self._limits.stdout_bytes)
        else:
            self.stderr += chunk
            del self.stderr[:-STDERR_BYTES]
            self._complained_bytes += len(chunk)
            if self._complained_bytes > COMPLAINTS_LIMIT_BYTES:
                raise endless(self._name, COMPLAINTS_LIMIT_BYTES)
        return not chunk


def endless(name: str, limit_bytes: int) -> EndlessOutputError:
    """Return the error for a program that printed more than ``limit_bytes``."""
    return EndlessOutputError(
        f"{name} printed more than {limit_bytes // 1024} KiB and was stopped",
        "No honest run prints that much: check what answers there.",
    )


def read_lines(
    pipe: IO[bytes], name: str, limit_bytes: int = LINE_BYTES, *, total_bytes: int | None = None
) -> Iterator[bytes]:
    """Yield the lines of a buffered pipe as they come; EndlessOutputError for a longer line, or for more in total.

    Then the caller ends the program, as always when it stops reading.
    """
    count_bytes = 0
    while line := pipe.readline(limit_bytes + 1):
        if len(line) > limit_bytes:
            raise endless(f"{name}, in one line,", limit_bytes)
        count_bytes += len(line)
        if total_bytes is not None and count_bytes > total_bytes:
            raise endless(name, total_bytes)
        yield line


class Complaints:
    """The end of a program's standard error, read in its own thread so that the program never waits for a reader.

    A program with endless standard error is killed.
    """

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        self._kept = bytearray()
        self._count_bytes = 0
        self._news = threading.Condition()
        self._is_over = False
        assert process.stderr is not None  # noqa: S101 - a pipe was asked for
        # Its own descriptor: a pipe that another process still holds may outlive the caller's.
        self._own_pipe = os.dup(process.stderr.fileno())
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def lines(self, seconds: float | None = None) -> list[str]:
        """Wait for the end of the pipe, or so long, and return the last lines; the first may lack its beginning."""
        self._thread.join(seconds)
        return self._kept.decode("utf-8", "surrogateescape").splitlines()

    def wait_for(self, is_said: Callable[[bytearray], bool], seconds: float) -> None:
        """Wait for output, for the end of the pipe, or for the end of the time."""
        with self._news:
            self._news.wait_for(lambda: self._is_over or is_said(self._kept), seconds)

    def refuse_endless(self) -> None:
        """Raise EndlessOutputError when the program was killed for its endless standard error."""
        if self._count_bytes > COMPLAINTS_LIMIT_BYTES:
            raise endless(name_of(self._process), COMPLAINTS_LIMIT_BYTES)

    def _read(self) -> None:
        with os.fdopen(self._own_pipe, "rb", buffering=0) as pipe:
            while chunk := pipe.read(CHUNK_BYTES):
                with self._news:
                    self._kept += chunk
                    del self._kept[:-STDERR_BYTES]
                    self._count_bytes += len(chunk)
                    self._news.notify_all()
                if self._count_bytes > COMPLAINTS_LIMIT_BYTES:
                    self._process.kill()
                    break
        with self._news:
            self._is_over = True
            self._news.notify_all()


def name_of(process: "subprocess.Popen[bytes]") -> str:
    """Return a program's name for errors."""
    arguments = process.args
    return Path(os.fsdecode(arguments[0])).name if isinstance(arguments, list | tuple) else "a program"


def stop(process: "subprocess.Popen[bytes]") -> None:
    """End a program and wait for it: first by a request, then by force."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
