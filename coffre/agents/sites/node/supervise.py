"""Runs on a site's node, over SSH: `ansible-runner worker` in a private folder that is removed at its end.

The end of the standard input is the signal to end: it comes also when the connection breaks, or home is killed. The
code comes on the standard input, before the job, and is never on a disk.
"""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import IO, Any

from coffre.agents.sites.node.keeping import KEPT_FOLDER, list_kept
from coffre.agents.sites.node.telling import Problem, Told, write
from coffre.workspace.private_folder import MEMORY, private_folder

CHUNK_BYTES = 64 * 1024
RUNNER = "ansible-runner"
WORK = "work"
KEPT = ".cache/coffre/programs"
"""The folder of kept programs, in the login's home."""


def main(header: Mapping[str, Any]) -> None:
    """Run the worker with the job of the standard input, after one line: the ``greeting`` of the header, and which of
    the programs with the hashes ``programs_sha256`` are kept here.

    ``programs`` of the header is the folder of ansible-runner, empty when it is on PATH.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    os.umask(0o077)
    code = 1
    try:
        code = _supervise(header)
    except Exception:  # noqa: BLE001 - home shows its last line
        traceback.print_exc()
    finally:
        # A thread may still wait for the standard input.
        sys.stderr.flush()
        os._exit(code)


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit


def _supervise(header: Mapping[str, Any]) -> int:
    path = os.pathsep.join(filter(None, (header["programs"], os.environ.get("PATH", ""))))
    runner = shutil.which(RUNNER, path=path)
    parent = _choose_parent()
    with private_folder(parent, parent) as folder:
        kept = Path.home() / KEPT
        write(f"\n{' '.join([header['greeting'], *list_kept(kept, header['programs_sha256'])])}")
        if runner is None:
            told = {"event": Told.PROBLEM, "event_data": {"problem": Problem.NO_RUNNER, "detail": path}}
            write(json.dumps({"event": "verbose", "counter": 1, "uuid": "1", "stdout": json.dumps(told)}))
            write(json.dumps({"eof": True}))
            return 0
        worker = [runner, "worker", "--private-data-dir", str(folder / WORK), "--delete"]
        own = {"PATH": path, "TMPDIR": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
        # Without us it ends, and removes its folder itself.
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig=TERM", *worker],
            stdin=subprocess.PIPE,
            env={**os.environ, **own, KEPT_FOLDER: str(kept)},
        )
        assert process.stdin is not None  # noqa: S101 - a pipe was asked for
        is_over = threading.Event()
        for follow in (_forward, _wait):
            threading.Thread(target=follow, args=(process, process.stdin, is_over), daemon=True).start()
        is_over.wait()
        return process.poll() or 0


def _forward(_process: "subprocess.Popen[bytes]", pipe: IO[bytes], is_over: threading.Event) -> None:
    """Give the worker what home sends, until home sends nothing more."""
    home = sys.stdin.buffer
    assert isinstance(home, io.BufferedReader)  # noqa: S101 - it begins so
    try:
        while chunk := home.read1(CHUNK_BYTES):
            pipe.write(chunk)
            pipe.flush()
    except BrokenPipeError:
        return  # the worker has ended, which the other thread sees
    is_over.set()


def _wait(process: "subprocess.Popen[bytes]", _pipe: IO[bytes], is_over: threading.Event) -> None:
    process.wait()
    is_over.set()


def _choose_parent() -> Path:
    """Return the folder in memory, or that of temporary files where the system has none that programs run from."""
    usable = MEMORY.is_dir() and os.access(MEMORY, os.W_OK | os.X_OK)
    return MEMORY if usable and not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC else Path(tempfile.gettempdir())
