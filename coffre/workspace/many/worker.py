"""The processes of `workers`: a seed loads once what the jobs need, and its forks, one for each worker, do the jobs.

A fork shares what the seed has loaded, in memory as well. It is safe because the seed has a single thread, no
connection and no random state of its own, which it checks before it forks.
"""

import contextlib
import ctypes
import gc
import os
import selectors
import signal
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle, send_handle
from pathlib import Path

_PR_SET_PDEATHSIG = 1
INTERRUPTED = 130
EXIT_CODE = struct.Struct("i")
"""How the seed writes the exit code of a worker, negative for a signal, into the pipe that came with its start."""


@dataclass(frozen=True)
class Said:
    """A sentence on the progress of the job."""

    text: str


def main() -> None:
    """Be the seed until the other end closes or dies; in a fork, work until the end of its own connection."""
    descriptor, parent = map(int, sys.argv[1:])
    # Ctrl-C is held back since the start. A seed that dies takes along its forks, each of which ends its job first.
    if not _end_with(parent, signal.SIGKILL):
        return
    with Connection(descriptor) as control:
        prepare: Callable[[], None] | None = control.recv()
        if prepare is not None:
            prepare()
        _refuse_threads()
        gc.collect()
        gc.freeze()  # what is loaded stays shared: a later collection would write into all of it
        connection = _Seed(control).serve()
    if connection is None:
        return
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
        _work(connection)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


class _Seed:
    """Forks a worker for each pair of descriptors that comes, and tells its exit code when it has ended."""

    def __init__(self, control: Connection) -> None:
        self._control = control
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ)
        self._reports: dict[int, int] = {}
        """The pipes for the exit codes, by process id."""

    def serve(self) -> Connection | None:
        """Serve until the other end closes: None; in a fork return its connection."""
        while True:
            for key, _ in self._selector.select():
                if key.data is not None:
                    self._report(key.fd, key.data)
                    continue
                try:
                    connection, report = recv_handle(self._control), recv_handle(self._control)
                except EOFError:
                    return None
                for descriptor in (connection, report):
                    os.set_inheritable(descriptor, False)
                if self._fork(connection, report):
                    return Connection(connection)

    def _fork(self, connection: int, report: int) -> bool:
        """Start a worker, and send what can signal it; tells whether this is the worker."""
        seed = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._close()
            os.close(report)
            os.setpgid(0, 0)  # each gets a signal by itself
            if not _end_with(seed, signal.SIGINT):
                os._exit(INTERRUPTED)
            return True
        os.close(connection)
        self._reports[pid] = report
        process = os.pidfd_open(pid)
        self._selector.register(process, selectors.EVENT_READ, pid)
        send_handle(self._control, process, 0)
        return False

    def _report(self, process: int, pid: int) -> None:
        self._selector.unregister(process)
        os.close(process)
        _, status = os.waitpid(pid, 0)
        report = self._reports.pop(pid)
        with contextlib.suppress(BrokenPipeError):
            os.write(report, EXIT_CODE.pack(os.waitstatus_to_exitcode(status)))
        os.close(report)

    def _close(self) -> None:
        """Close in a fork what belongs to the seed and to other workers."""
        for key in self._selector.get_map().values():
            if key.data is not None:
                os.close(key.fd)
        self._selector.close()
        for report in self._reports.values():
            os.close(report)


def _work(connection: Connection) -> None:
    def say(text: str) -> None:
        # Without a reader the job goes on to a clean end of its own.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.send(Said(text))

    with contextlib.suppress(EOFError, ConnectionResetError, BrokenPipeError):
        task, setup = connection.recv()
        while True:
            job = connection.recv()
            connection.send(task(setup, job, say))


def _end_with(parent: int, number: signal.Signals) -> bool:
    """Have the kernel send a signal when the parent dies; False when it has died already."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, number)
    return os.getppid() == parent


def _refuse_threads() -> None:
    """A fork has only one of the threads, and whatever another one held stays held in it."""
    threads = len(list(Path("/proc/self/task").iterdir()))
    if threads != 1:
        raise RuntimeError(f"the processes for several jobs cannot be forked: what they load has {threads} threads")


if __name__ == "__main__":
    # By its own name: messages are values of that module, and not of __main__.
    from coffre.workspace.many import worker

    worker.main()
