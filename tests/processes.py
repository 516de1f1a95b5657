"""Other processes of this computer, as /proc tells of them: any may end meanwhile, and their words may be any bytes."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PAUSE_SECONDS = 0.03


def list_pids() -> list[int]:
    """Return every process id of this computer, those of machines and of other tests included."""
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def read_words(pid: int, file: str = "cmdline") -> str:
    """Return a process's ``cmdline``, ``environ`` or ``stat``, ends of words as blanks; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/{file}").read_bytes().replace(b"\0", b" ").decode("utf-8", "surrogateescape")
    except OSError:
        return ""


@contextmanager
def watched_processes() -> Iterator[set[str]]:
    """Collect the command line of every process that runs meanwhile, machines' processes included."""
    seen: set[str] = set()
    over = threading.Event()

    def watch() -> None:
        while not over.wait(PAUSE_SECONDS):
            seen.update(map(read_words, list_pids()))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()
