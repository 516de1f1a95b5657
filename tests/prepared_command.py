"""The installed command with its libraries read already: each run is a fork of a process that waits for it.

Reading them takes longer than most commands, and the suite runs a thousand. From there on a run is as any other: its
own process, arguments, environment, folder and streams, its own end. Tests that stop and kill commands start the
installed one, and so does `make demo`.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NoReturn

COMMAND_SECONDS = 240.0
HEADER_BYTES = 4
MIGRATIONS = "coffre.records.database.migrations."
"""Read by Alembic alone, in its own way."""
ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Run:
    """One ended command."""

    code: int
    stdout: str
    stderr: str

    @property
    def output(self) -> str:
        return self.stdout + self.stderr


class PreparedCommand:
    """The waiting process, as whoever runs commands sees it; threads may share it."""

    def __init__(self) -> None:
        self._near, far = socket.socketpair()
        self._asking = threading.Lock()
        environment = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG")}
        with far:
            # UTF-8 from the start, as the command sees to for itself.
            command = [sys.executable, "-X", "utf8", "-m", "tests.prepared_command", str(far.fileno())]
            self._process = subprocess.Popen(command, cwd=ROOT, env=environment, pass_fds=[far.fileno()])
        atexit.register(self._end)

    def run(
        self,
        arguments: Sequence[str],
        *,
        cwd: Path,
        environment: Mapping[str, str],
        answer: str | None = None,
        seconds: float = COMMAND_SECONDS,
    ) -> Run:
        """Run a command to its end; ``answer`` is what its standard input holds. TimeoutExpired, and it is killed."""
        asked = json.dumps({"arguments": [*arguments], "cwd": str(cwd), "environment": {**environment}}).encode()
        near, far = socket.socketpair()
        file = tempfile.TemporaryFile
        with near, file() as given, file() as out, file() as error:
            given.write((answer or "").encode())
            given.seek(0)
            with far, self._asking:
                handed = [given.fileno(), out.fileno(), error.fileno(), far.fileno()]
                socket.send_fds(self._near, [len(asked).to_bytes(HEADER_BYTES)], handed)
                self._near.sendall(asked)
            pid = int.from_bytes(_read(near, HEADER_BYTES))
            near.settimeout(seconds)
            try:
                code = int.from_bytes(_read(near, HEADER_BYTES), signed=True)
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired(["coffre", *arguments], seconds) from None
            out.seek(0)
            error.seek(0)
            return Run(code, out.read().decode(), error.read().decode())

    def _end(self) -> None:
        self._near.close()
        self._process.wait()


@cache
def prepared_command() -> PreparedCommand:
    """Return this test process's own; it ends with it."""
    return PreparedCommand()


def _read(connection: socket.socket, size_bytes: int) -> bytes:
    content = b""
    while len(content) < size_bytes:
        more = connection.recv(size_bytes - len(content))
        if not more:
            raise EOFError("the prepared command is gone")
        content += more
    return content


def _wait_for_runs(asking: socket.socket) -> None:
    """Fork for each run that is asked for; returns in the process of a run, and does not when nobody asks any more."""
    while True:
        header, handed, _, _ = socket.recv_fds(asking, HEADER_BYTES, 4)
        if not header:
            os._exit(0)
        asked = json.loads(_read(asking, int.from_bytes(header)))
        if os.fork() == 0:
            asking.close()
            _watch_over(socket.socket(fileno=handed.pop()))
            _become(asked, handed)
            return
        for each in handed:
            os.close(each)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                continue


def _watch_over(teller: socket.socket) -> None:
    """Fork once more and return there; here wait for its end and tell how it was."""
    pid = os.fork()
    if pid == 0:
        teller.close()
        return
    with contextlib.suppress(BrokenPipeError):
        teller.sendall(pid.to_bytes(HEADER_BYTES))
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        teller.sendall(code.to_bytes(HEADER_BYTES, signed=True))
    os._exit(0)


def _become(asked: Mapping[str, object], streams: Sequence[int]) -> None:
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(str(asked["cwd"]))
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.argv[:] = [str(Path(sys.executable).with_name("coffre")), *asked["arguments"]]


def _run() -> NoReturn:
    """Run the command and end as Python does, without taking its modules apart: it would write to all shared memory."""
    from coffre.cli.main import main

    code = 0
    try:
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    threading._shutdown()  # type: ignore[attr-defined]  # waits for the threads that Python waits for
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


def _read_libraries() -> None:
    import coffre
    from coffre.storage.s3.client import make_client
    from coffre.storage.values import AccessKey, Endpoint

    for module in pkgutil.walk_packages(coffre.__path__, "coffre."):
        if not module.name.startswith(MIGRATIONS):
            importlib.import_module(module.name)
    # botocore reads then what S3 is, and which of its lists have pages.
    make_client(Endpoint("https://localhost"), AccessKey("none", "none")).can_paginate("list_objects_v2")
    _work_out()
    gc.collect()
    gc.freeze()


def _work_out() -> None:
    """Have what a run keeps in memory worked out: what files and zones say, and the hashes of the code and of programs.

    A run asks again for a program that was changed since: its size and time are part of what is kept.
    """
    from coffre import toolchain
    from coffre.provisioning.inputs import digest_code
    from coffre.records.database.store import Records
    from coffre.spec.loader import load_checkout
    from coffre.storage.s3 import programs

    load_checkout(ROOT)
    digest_code()
    for name in ("restic", "coffre-agent"):
        program = toolchain.find_tool(name)
        toolchain.sha256_program(program)
        programs._local_facts(program, program.stat().st_size, program.stat().st_mtime_ns)
    with tempfile.TemporaryDirectory() as folder, Records.open("sqlite:records.db", Path(folder)):
        pass


if __name__ == "__main__":
    _read_libraries()
    _wait_for_runs(socket.socket(fileno=int(sys.argv[1])))
    _run()
