"""Jobs for the processes of `workspace.many.workers`, which import them by name; files say how far each has come."""

import os
import random
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

WAITING_SECONDS = 60.0
_loaded_by: list[int] = []


def load() -> None:
    """Be loaded once, for all processes."""
    _loaded_by.append(os.getpid())


def load_and_start_a_thread() -> None:
    threading.Thread(target=threading.Event().wait, daemon=True).start()


def tell(_setup: None, _job: str, _say: Callable[[str], None]) -> tuple[list[int], int, float, list[str]]:
    """Tell which processes have loaded, which one this is, a random number, and the descriptors that are open."""
    return _loaded_by, os.getpid(), random.random(), [path.name for path in Path("/proc/self/fd").iterdir()]


def do(folder: Path, job: str, say: Callable[[str], None]) -> tuple[str, int]:
    """Do what the job says: ``wait:X`` until there is a file X, ``die`` at once, ``fail`` by an error, else nothing."""
    say(f"{job} begins")
    (folder / f"{job}.begun").touch()
    if job == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if job == "fail":
        raise ValueError(job)
    if job.startswith("wait:"):
        try:
            _wait_for(folder / job.removeprefix("wait:"))
        except KeyboardInterrupt:
            (folder / f"{job}.interrupted").touch()
            raise
    say(f"{job} ends")
    return job, os.getpid()


def _wait_for(path: Path) -> None:
    end = time.monotonic() + WAITING_SECONDS
    while not path.exists():
        if time.monotonic() > end:
            raise TimeoutError(path)
        time.sleep(0.01)
