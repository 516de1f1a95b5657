"""A command that stops itself, all threads of it, at a point that a test names: what is killed there is killed there.

The point is a line of progress with certain words in it, or the call of a function. The command does nothing more
until the test lets it go on, however busy the machine is. What Pulumi tells is told beside its work: a test that needs
a change not yet made names the function that makes it.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

STOPPING = """
import importlib, json, signal, sys, threading
words, times, before = json.loads(sys.argv.pop(1)), int(sys.argv.pop(1)), sys.argv.pop(1)
from coffre.cli import output
tell, counting, seen = output.progress, threading.Lock(), 0
def stopping(text):
    global seen
    tell(text)
    with counting:
        if words and all(word in text for word in words):
            seen += 1
            if seen == times:
                signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
output.progress = stopping
from coffre.cli.main import main
if before:
    module, _, name = before.partition(":")
    holder, _, name = name.rpartition(".")
    holder = getattr(importlib.import_module(module), holder)
    called = getattr(holder, name)
    def stopped(*arguments, **options):
        signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
        return called(*arguments, **options)
    setattr(holder, name, stopped)
sys.exit(main())
"""
"""The installed command, which stops when it has said all these words in one line for that time, or before a method."""


class Stopping:
    """A started command that will stop at its point; the caller ends it.

    The point is a line ``at``, for that time, or a call ``before``: MODULE:CLASS.METHOD.
    """

    def __init__(
        self,
        arguments: Sequence[str | Path],
        *,
        at: Sequence[str] = (),
        times: int = 1,
        before: str = "",
        cwd: Path,
        environment: Mapping[str, str],
    ) -> None:
        self._said = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - closed when the command has ended
        self._process = subprocess.Popen(
            [sys.executable, "-c", STOPPING, json.dumps(list(at)), str(times), before, *arguments],
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._said,
            start_new_session=True,
        )
        self.pid = self._process.pid
        self.said: list[str] = []

    def reaches(self) -> bool:
        """Wait until it has stopped; False when it ended before."""
        state = os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        return state is not None and state.si_code == os.CLD_STOPPED

    def kill(self) -> None:
        """Kill it where it is, and it alone."""
        self._process.kill()
        self._end()

    def kill_group(self) -> None:
        """Kill it where it is, with all that it started."""
        os.killpg(self.pid, signal.SIGKILL)
        self._end()

    def interrupt(self) -> int:
        """Press Ctrl-C where it is, which reaches the whole group, and return how the command ended."""
        os.killpg(self.pid, signal.SIGINT)
        return self.go_on()

    def go_on(self) -> int:
        """Let it go on to its end, and return how it ended."""
        self._process.send_signal(signal.SIGCONT)
        return self._end()

    def _end(self) -> int:
        code = self._process.wait(timeout=120)
        self._said.seek(0)
        self.said = [line.strip() for line in self._said]
        self._said.close()
        return code
