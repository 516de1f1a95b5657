"""One Pulumi process: starts it in a group of its own, interrupts it once and waits, and ends it with this process."""

import os
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pulumi.automation import CommandResult, PulumiCommand
from pulumi.automation.errors import create_command_error
from semver import VersionInfo

from coffre import toolchain
from coffre.outside.environment import child_environment
from coffre.outside.processes import EndlessOutputError, read_lines
from coffre.provisioning.engine.loopback import Loopback

OUTPUT_BYTES = 256 * 1024**2
"""The maximum output of a command, for example a whole state."""

OnOutput = Callable[[str], object]
StartProcess = Callable[..., "subprocess.Popen[bytes]"]


class PulumiProcess(PulumiCommand):
    """Runs the CLI for the Automation API.

    Ctrl-C reaches only this process: Pulumi then gets one signal, finishes its current operations, releases its lock
    and ends, and only then the interrupt is raised. A second Ctrl-C ends Pulumi at once. When this process is killed,
    the kernel sends Pulumi a signal (`setpriv --pdeathsig`).
    """

    def __init__(self, program: Path) -> None:
        # The inherited constructor would run the program to read its version, which set-up ensures.
        self.command = str(program)
        self.version = VersionInfo.parse(toolchain.PULUMI_VERSION)
        self._is_interrupted = False
        self._start: StartProcess = subprocess.Popen

    @contextmanager
    def started_in(self, loopback: Loopback) -> Iterator[None]:
        """Start Pulumi in another network during the block."""
        self._start = loopback.start
        try:
            yield
        finally:
            self._start = subprocess.Popen

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: OnOutput | None = None,
        on_error: OnOutput | None = None,
    ) -> CommandResult:
        """Run one command to its end; CommandError when it fails."""
        with self._start(
            ["setpriv", "--pdeathsig", "INT", "--", self.command, "--non-interactive", *args],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env={**child_environment(os.environ), **additional_env, "PULUMI_AUTOMATION_API": "true"},
            process_group=0,
        ) as process:
            assert process.stdout is not None  # noqa: S101 - both are pipes
            assert process.stderr is not None  # noqa: S101
            readers = [_Reader(process, process.stdout, on_output), _Reader(process, process.stderr, on_error)]
            self._wait(process)
            output, errors = (reader.text() for reader in readers)
        result = CommandResult(stdout=output, stderr=errors, code=process.returncode)
        if result.code != 0:
            raise create_command_error(result)
        return result

    def raise_interrupt(self) -> None:
        """Raise the KeyboardInterrupt that was held back until Pulumi had ended."""
        if self._is_interrupted:
            self._is_interrupted = False
            raise KeyboardInterrupt

    def _wait(self, process: "subprocess.Popen[bytes]") -> None:
        while True:
            try:
                process.wait()
            except KeyboardInterrupt:
                self._is_interrupted = True
                process.send_signal(2)
            else:
                return


class _Reader:
    """Reads one pipe in a thread, line by line; Pulumi is killed when the output exceeds the limit."""

    def __init__(self, process: "subprocess.Popen[bytes]", pipe: IO[bytes], on_line: OnOutput | None) -> None:
        self._process = process
        self._lines: list[str] = []
        self._refusal: EndlessOutputError | None = None
        self._thread = threading.Thread(target=self._read, args=(pipe, on_line), daemon=True)
        self._thread.start()

    def text(self) -> str:
        """Wait for the end, and return all output; EndlessOutputError when there was too much."""
        self._thread.join()
        if self._refusal is not None:
            raise self._refusal
        return "\n".join(self._lines)

    def _read(self, pipe: IO[bytes], on_line: OnOutput | None) -> None:
        try:
            for line in read_lines(pipe, "Pulumi", OUTPUT_BYTES, total_bytes=OUTPUT_BYTES):
                stripped = line.decode("utf-8", "replace").rstrip()
                self._lines.append(stripped)
                if on_line is not None:
                    on_line(stripped)
        except EndlessOutputError as refusal:
            self._refusal = refusal
            self._process.kill()
