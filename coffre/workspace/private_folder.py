"""A private folder for one run: in memory if there is a tmpfs; the next run removes the folders of killed ones."""

import contextlib
import os
import re
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108 - the folder below it is made with an unguessable name and mode 0700
END_SECONDS = 3.0
"""The time that a process has to end by itself after a request."""
_NAME = re.compile(r"coffre-(?P<pid>[0-9]+)-(?P<began>[0-9]+)-[a-z0-9_]+")


def choose_parent(fallback: Path) -> Path:
    """Return the parent of private folders: memory if this system has it, else ``fallback``, created with mode 0700."""
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK | os.X_OK):
        return MEMORY
    fallback.mkdir(parents=True, exist_ok=True, mode=0o700)
    return fallback


@contextlib.contextmanager
def private_folder(fallback: Path, parent: Path | None = None) -> Iterator[Path]:
    """Give a new folder that only this user may enter; at the end, remove it and end the processes that use it.

    It is in ``parent``, by default in memory, else under ``fallback``. The leftovers of killed runs are removed first.
    """
    parent = parent or choose_parent(fallback)
    sweep(parent)
    pid = os.getpid()
    folder = Path(tempfile.mkdtemp(prefix=f"coffre-{pid}-{_began(pid)}-", dir=parent))
    try:
        yield folder
    finally:
        end_processes(folder)
        shutil.rmtree(folder, ignore_errors=True)
        # A process still wrote while the folder was emptied: the rest must be an error, not ignored.
        if folder.exists():
            shutil.rmtree(folder)


def sweep(parent: Path) -> list[Path]:
    """Remove this user's folders of ended runs, and end their remaining processes; returns what was removed."""
    removed = []
    for folder in parent.glob("coffre-*"):
        match = _NAME.fullmatch(folder.name)
        if match is None or _is_alive(int(match["pid"]), match["began"]) or not _is_ours(folder):
            continue
        end_processes(folder)
        shutil.rmtree(folder, ignore_errors=True)
        removed.append(folder)
    return removed


def _is_ours(folder: Path) -> bool:
    try:
        facts = folder.lstat()
    except FileNotFoundError:
        return False
    return folder.is_dir() and not folder.is_symlink() and facts.st_uid == os.getuid()


def _is_alive(pid: int, began: str) -> bool:
    return _began(pid) == began


def _began(pid: int) -> str:
    """Return a process's start, in clock ticks since boot: a reused pid has another one. Empty when there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    # The program's name is in brackets and may contain anything; the start time is 20 fields later.
    fields = text.rpartition(")")[2].split()
    return "" if fields[0] == "Z" else fields[19]


def end_processes(folder: Path) -> None:
    """End the remaining processes of a folder: they have the folder's unguessable name as an argument.

    Ansible's workers and ssh's shared connections leave their parent's process group and continue after it.
    """
    deadline = time.monotonic() + END_SECONDS
    number = signal.SIGTERM
    while pids := _list_processes(folder):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        if number == signal.SIGKILL:
            return
        time.sleep(0.05)
        if time.monotonic() > deadline:
            number = signal.SIGKILL


def _list_processes(folder: Path) -> list[int]:
    name = os.fsencode(str(folder))
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if name in file.read_bytes() and int(file.parent.name) != os.getpid():
                found.append(int(file.parent.name))
    return found
