"""Runs one ansible-playbook: gives events as they come and the end of its output, and leaves no file behind.

Machines decide how much Ansible prints and remembers, so all of it is limited here.
"""

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from coffre.outside.processes import CHUNK_BYTES, LINE_BYTES, STDERR_BYTES, DeadlinePassedError, endless
from coffre.outside.structured import read_json_object

MEMORY_BYTES = 512 * 1024**2
"""The maximum data of each of Ansible's processes; with forty machines it uses about an eighth of that."""
LOOK_SECONDS = 1.0
"""How often this process checks whether Ansible has ended while a child process still has its pipes open."""
DESCRIPTOR = "COFFRE_EVENTS_DESCRIPTOR"

OnEvent = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True)
class Ended:
    """The end of Ansible: its exit code (negative: the signal), and the end of its output."""

    exit_code: int
    output: str


def play(
    arguments: Sequence[str | Path],
    environment: Mapping[str, str],
    folder: Path,
    deadline_seconds: float,
    on_event: OnEvent,
) -> Ended:
    """Run ansible-playbook in ``folder`` and call ``on_event`` in this thread with the events of its callback plugin.

    Ansible has ended when this returns or raises, Ctrl-C included; its workers end with the folder. DeadlinePassedError
    when it took too long.
    """
    reader, writer = os.pipe()
    # When its workers are killed, Ansible waits for ever: it ends with the process that started it.
    guards = ["prlimit", f"--data={MEMORY_BYTES}", "setpriv", "--pdeathsig=KILL"]
    with os.fdopen(reader, "rb", buffering=0) as events:
        try:
            process = subprocess.Popen(
                [*guards, *arguments],
                cwd=folder,
                env={**environment, DESCRIPTOR: str(writer)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                bufsize=0,
                pass_fds=[writer],
                # This process handles Ctrl-C, and ends Ansible itself.
                start_new_session=True,
            )
        finally:
            os.close(writer)
        with _ended_after(process) as printed:
            return _Following(process, printed, events, on_event).follow(deadline_seconds)


@contextlib.contextmanager
def _ended_after(process: "subprocess.Popen[bytes]") -> Iterator[IO[bytes]]:
    assert process.stdout is not None  # noqa: S101 - a pipe was asked for
    try:
        with process.stdout as printed:
            yield printed
    finally:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


class _Following:
    """The output of one Ansible."""

    def __init__(
        self, process: "subprocess.Popen[bytes]", printed: IO[bytes], events: IO[bytes], on_event: OnEvent
    ) -> None:
        self._process, self._printed, self._events, self._on_event = process, printed, events, on_event
        self._line = bytearray()
        self._output = bytearray()

    def follow(self, deadline_seconds: float) -> Ended:
        until = time.monotonic() + deadline_seconds
        with selectors.DefaultSelector() as selector:
            for each in (self._printed, self._events):
                selector.register(each, selectors.EVENT_READ)
            is_running = True
            while selector.get_map() and (is_running or selector.select(0)):
                for key, _ in selector.select(LOOK_SECONDS):
                    if not self._take(key.fd):
                        selector.unregister(key.fd)
                is_running = self._process.poll() is None
                if time.monotonic() > until:
                    raise DeadlinePassedError(
                        f"Ansible did not end within {deadline_seconds:.0f} seconds and was stopped",
                        "Run the command again: finished steps are kept.",
                    )
        return Ended(self._process.wait(), self._output.decode("utf-8", "replace"))

    def _take(self, descriptor: int) -> bool:
        chunk = os.read(descriptor, CHUNK_BYTES)
        if descriptor == self._printed.fileno():
            self._output += chunk
            del self._output[:-STDERR_BYTES]
        else:
            self._line += chunk
            *lines, self._line = self._line.split(b"\n")
            for line in lines:
                self._on_event(read_json_object(bytes(line), LINE_BYTES))
            if len(self._line) > LINE_BYTES:
                raise endless("ansible-playbook, in one line,", LINE_BYTES)
        return bool(chunk)
