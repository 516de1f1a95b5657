"""Runs a function for many jobs in several processes of Coffre, each doing one job after the other.

A process and not a thread: what ends one job, even a crash of a library or a lack of memory, ends no other. They are
forks of one process that has loaded what the jobs need, which takes a second of work (`worker`).
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import recv_handle, send_handle
from typing import Any, Generic, Protocol, Self, TypeVar

from coffre.errors import ExpectedError
from coffre.workspace.many.worker import EXIT_CODE, INTERRUPTED, Said

J = TypeVar("J")
R = TypeVar("R")


class Task(Protocol):
    """The function of the jobs, of a module's top level. What it raises ends its process: expected errors it returns.

    ``say`` takes sentences on the job's progress.
    """

    def __call__(self, setup: Any, job: Any, say: Callable[[str], None], /) -> Any: ...


@dataclass(frozen=True)
class Ended(Generic[J, R]):
    """A job's end: its result, and what it said meanwhile.

    ``died`` is the exit code of a process that ended before its job did, negative for a signal; None otherwise.
    """

    job: J
    result: R | None
    said: tuple[str, ...]
    died: int | None = None


class _Process:
    """A fork of the seed: a descriptor of the process (pidfd), and the pipe that tells its exit code."""

    def __init__(self, process: int, report: int) -> None:
        self._process = process
        self._report = report
        self._code: int | None = None

    def interrupt(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._process, signal.SIGINT)

    def wait(self) -> int:
        """Wait for its end, and return its exit code; may be called again. A seed that died has interrupted it."""
        if self._code is None:
            wait([self._process])  # readable from its end on, whoever started it
            told = os.read(self._report, EXIT_CODE.size)
            self._code = EXIT_CODE.unpack(told)[0] if told else INTERRUPTED
        return self._code

    def close(self) -> None:
        os.close(self._process)
        os.close(self._report)


class _Seed:
    """The process of which the workers are forks (`worker`)."""

    def __init__(self, prepare: Callable[[], None] | None) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            # -P: no module is taken from the current folder, which is the customers' repository.
            program = [sys.executable, "-P", "-X", "utf8", "-m", "coffre.workspace.many.worker"]
            with _signals_held_back():
                self._process = subprocess.Popen(
                    [*program, str(theirs.fileno()), str(os.getpid())],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    process_group=0,  # a terminal's Ctrl-C comes to this process alone, which tells the others once
                )
        self._control = Connection(ours.detach())
        _send(self._control, prepare)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._control.close()
        self._process.wait()

    def start(self) -> tuple[_Process, Connection]:
        """Fork a worker; ExpectedError when the seed has ended."""
        (ours, theirs), (told, report) = socket.socketpair(), os.pipe()
        connection = Connection(ours.detach())
        try:
            with theirs, Connection(report, readable=False) as telling:
                send_handle(self._control, theirs.fileno(), self._process.pid)
                send_handle(self._control, telling.fileno(), self._process.pid)
            process = recv_handle(self._control)
        except (EOFError, OSError) as problem:
            connection.close()
            os.close(told)
            raise ExpectedError(
                f"the process that starts the others ended with {self._process.wait()}",
                "Run the same command again: what was completed stays done.",
            ) from problem
        os.set_inheritable(process, False)
        return _Process(process, told), connection


@dataclass
class _Worker(Generic[J]):
    """One process, its connection, and what it does now."""

    process: _Process
    connection: Connection
    job: J | None = None
    said: list[str] = field(default_factory=list)


class Workers(Generic[J, R]):
    """So many processes that call ``task(setup, job, say)``; setup, jobs and results are pickled.

    ``prepare``, a function of a module's top level, loads once for all of them what the jobs need: modules, no thread,
    no connection and no random number.
    """

    def __init__(self, task: Task, setup: object, count: int, prepare: Callable[[], None] | None = None) -> None:
        self._task = task
        self._setup = setup
        self._count = count
        self._prepare = prepare
        self._seed: _Seed
        self._working: list[_Worker[J]] = []
        self._is_interrupted = False

    def run(self, jobs: Sequence[J]) -> Iterator[Ended[J, R]]:
        """Yield each job as it ends, in the order of their ends.

        After Ctrl-C no further job begins, those in progress get one signal each and end in their own way, what they
        still complete is yielded, and then KeyboardInterrupt is raised. When this process is killed, the others get
        the same signal.
        """
        waiting = deque(jobs)
        if not waiting:
            return
        with self._interruptible(), _Seed(self._prepare) as self._seed:
            try:
                self._begin(waiting)
                while self._working:
                    yield from self._follow(waiting)
            finally:
                self._end_all()
        if self._is_interrupted:
            raise KeyboardInterrupt

    def _begin(self, waiting: deque[J]) -> None:
        """Give work to every process, and start those that lack."""
        while waiting and len(self._working) < self._count and not self._is_interrupted:
            worker: _Worker[J] = self._start()
            self._working.append(worker)
            if self._is_interrupted:  # while it started
                worker.process.interrupt()
            _give(worker, waiting.popleft())

    def _follow(self, waiting: deque[J]) -> Iterator[Ended[J, R]]:
        """Take what the processes say until one of them has ended its job."""
        ready = wait([worker.connection for worker in self._working])
        for worker in [each for each in self._working if each.connection in ready]:
            ended = self._take(worker)
            if ended is None:
                continue
            if ended.died is not None or self._is_interrupted or not waiting:
                self._dismiss(worker)
            else:
                _give(worker, waiting.popleft())
            if ended.died is None or not self._is_interrupted:
                yield ended
            self._begin(waiting)

    def _take(self, worker: _Worker[J]) -> Ended[J, R] | None:
        job = worker.job
        assert job is not None  # noqa: S101 - a worker without a job is dismissed
        try:
            message = worker.connection.recv()
        except (EOFError, OSError):
            return Ended(job, None, tuple(worker.said), worker.process.wait())
        if isinstance(message, Said):
            worker.said.append(message.text)
            return None
        return Ended(job, message, tuple(worker.said))

    def _start(self) -> _Worker[J]:
        process, connection = self._seed.start()
        _send(connection, (self._task, self._setup))
        return _Worker(process, connection)

    def _dismiss(self, worker: _Worker[J]) -> None:
        self._working.remove(worker)
        worker.connection.close()
        worker.process.wait()
        worker.process.close()

    def _end_all(self) -> None:
        """End what still runs when the caller stops early: each in its own way, as after Ctrl-C."""
        for worker in self._working:
            worker.process.interrupt()
        for worker in list(self._working):
            self._dismiss(worker)

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        """Pass each Ctrl-C on to the processes during the block instead of raising it here."""

        def interrupt(_number: int, _frame: object) -> None:
            self._is_interrupted = True
            for worker in self._working:
                worker.process.interrupt()

        before = signal.signal(signal.SIGINT, interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)


def _give(worker: _Worker[J], job: J) -> None:
    worker.job, worker.said = job, []
    _send(worker.connection, job)


def _send(connection: Connection, message: object) -> None:
    # Of a process that has ended meanwhile, the next read tells.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        connection.send(message)


@contextmanager
def _signals_held_back() -> Iterator[None]:
    """Hold Ctrl-C back during the block; a process that is started in it gets one once it is ready (`worker`)."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
