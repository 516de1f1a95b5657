"""The program of one process of `workers`: takes jobs from its connection and returns their results, to its end."""

import contextlib
import ctypes
import os
import signal
import sys
from dataclasses import dataclass
from multiprocessing.connection import Connection

_PR_SET_PDEATHSIG = 1
INTERRUPTED = 130


@dataclass(frozen=True)
class Said:
    """A sentence on the progress of the job."""

    text: str


def main() -> None:
    """Work until the other end of the connection closes; Ctrl-C, or the end of the parent, interrupts the job."""
    descriptor, parent = map(int, sys.argv[1:])
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])  # held back since the start
        if os.getppid() == parent:
            _work(Connection(descriptor))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


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


if __name__ == "__main__":
    # By its own name: messages are values of that module, and not of __main__.
    from coffre.workspace import worker

    worker.main()
