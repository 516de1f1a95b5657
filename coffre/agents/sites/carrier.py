"""The process that carries a job to a site's node and its result back: ssh, or a command of platform.yaml."""

import contextlib
import json
import os
import secrets
import shlex
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from coffre import toolchain
from coffre.agents.driver import SiteNode
from coffre.agents.reach.framing import SURROUNDINGS, for_any_shell
from coffre.agents.reach.ssh import CLIENT_VARIABLES, DEFAULT_PORT, SETTLE_SECONDS, ssh_options
from coffre.agents.sites.job import pack_code
from coffre.outside import processes
from coffre.outside.environment import child_environment
from coffre.spec.sites import CommandNode, SshNode

CLOSE_SECONDS = 30.0
"""How long a node may take to clear away after its result."""
_BOOTSTRAP = """
import sys
if sys.version_info < (3, 11):
    sys.exit("python3 there is %d.%d; Coffre needs 3.11" % sys.version_info[:2])
import json, os
header = json.loads(sys.stdin.buffer.readline(65536))
code = os.memfd_create("coffre")
with os.fdopen(os.dup(code), "wb") as file:
    file.write(sys.stdin.buffer.read(header["code_bytes"]))
sys.path.insert(0, "/proc/self/fd/%d" % code)
from coffre.agents.sites.node.supervise import main
main(header)
"""
"""What ssh starts on the node: it takes the code from its input, so that nothing of it is on a disk there."""


class Carrier:
    """One carrier, from its start to its end. Another thread may `cancel` it at any time."""

    def __init__(self, site: SiteNode) -> None:
        self._site = site
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._is_cancelled = False

    def cancel(self) -> None:
        """End the carrier, now or as soon as it starts; a node reached by SSH then ends the job there."""
        with self._lock:
            self._is_cancelled = True
            if self._process is not None:
                _signal_group(self._process, signal.SIGTERM)

    @contextlib.contextmanager
    def started(self, programs_sha256: Sequence[str]) -> Iterator["Started"]:
        """Start the carrier; it has ended with the block. The node says which of these programs it has kept."""
        node = self._site.node
        greeting = f"coffre-{secrets.token_hex(8)}" if isinstance(node, SshNode) else ""
        command, environment = _command(self._site)
        with self._lock:
            process = self._process = subprocess.Popen(
                # Also when this process is killed.
                ["setpriv", "--pdeathsig=TERM", *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
                # This process handles Ctrl-C.
                start_new_session=True,
            )
            if self._is_cancelled:
                _signal_group(process, signal.SIGTERM)
        try:
            started = Started(process, greeting)
            if isinstance(node, SshNode):
                started.send_code(node.programs or "", programs_sha256)
            yield started
        finally:
            _signal_group(process, signal.SIGTERM)
            processes.stop(process)
            for pipe in (process.stdin, process.stdout, process.stderr):
                assert pipe is not None  # noqa: S101 - pipes were asked for
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


class Started:
    """A carrier that runs; ``greeting`` is the line after which the result begins, empty when it begins at once."""

    def __init__(self, process: "subprocess.Popen[bytes]", greeting: str) -> None:
        assert process.stdin is not None  # noqa: S101 - pipes were asked for
        assert process.stdout is not None  # noqa: S101
        self._process = process
        self._complaints = processes.Complaints(process)
        self.greeting = greeting
        self._input: IO[bytes] = process.stdin
        self.output: IO[bytes] = process.stdout

    def send_code(self, programs: str, programs_sha256: Sequence[str]) -> None:
        """Send the node the code that supervises the job."""
        code = pack_code()
        header = {
            "greeting": self.greeting,
            "programs": programs,
            "programs_sha256": programs_sha256,
            "code_bytes": len(code),
        }
        with contextlib.suppress(BrokenPipeError):  # its end says why
            self._input.write(json.dumps(header).encode() + b"\n" + code)
            self._input.flush()

    def send_job(self, folder: Path, playbook: str, scratch: Path) -> None:
        """Have `ansible-runner transmit` send a job's folder; its temporary files are in ``scratch``."""
        transmit: list[str | Path] = [toolchain.find_tool("ansible-runner"), "transmit", folder, "--playbook", playbook]
        environment = child_environment(os.environ, only=("PATH", "HOME", "LC_ALL"))
        done = subprocess.run(
            transmit,
            stdin=subprocess.DEVNULL,
            stdout=self._input,
            stderr=subprocess.PIPE,
            env={**environment, "TMPDIR": str(scratch)},
            check=False,
        )
        self.transmitted = done.stderr.decode("utf-8", "replace") if done.returncode != 0 else ""
        if not self.greeting:
            # A command may take the whole job before it begins; over SSH, this would end the job.
            self.close_input()

    transmitted = ""
    """Why the job was not sent; empty when it was."""

    @contextlib.contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """End the carrier when the block takes longer."""
        watch = threading.Timer(seconds, _signal_group, (self._process, signal.SIGKILL))
        watch.daemon = True
        watch.start()
        try:
            yield
        finally:
            watch.cancel()

    def close_input(self) -> None:
        """Say that nothing more comes; a node reached by SSH then ends whatever still runs."""
        with contextlib.suppress(BrokenPipeError):
            self._input.close()

    def wait(self) -> int:
        """Wait until the node has cleared away, and return the carrier's exit code."""
        try:
            return self._process.wait(CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            processes.stop(self._process)
            return self._process.returncode

    def complained(self) -> str:
        """Return the end of the carrier's error output, once it has ended."""
        return "\n".join(self._complaints.lines(SETTLE_SECONDS))


def _signal_group(process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    """End a carrier and what it started, which may hold its pipes; nothing once it was waited for."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)


def _command(site: SiteNode) -> tuple[Sequence[str], Mapping[str, str]]:
    node = site.node
    if isinstance(node, CommandNode):
        return node.command, child_environment(os.environ)
    options = [*ssh_options(site.known_hosts, site.ssh_config), "-o", "ControlMaster=no", "-o", "ControlPath=none"]
    if node.port != DEFAULT_PORT:
        options += ["-p", str(node.port)]
    begin = for_any_shell(f"{SURROUNDINGS}\nexec python3 -c {shlex.quote(_BOOTSTRAP)}")
    environment = child_environment(os.environ, only=CLIENT_VARIABLES)
    return ["ssh", "-T", *options, f"{node.user}@{node.host}", "--", begin], environment
