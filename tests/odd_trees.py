"""Trees that no path as a whole leads to the end of, made and read step by step as a machine's own programs do."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LONGEST_BYTES = 4095
STEP = b"d" * 200


@contextmanager
def inside(folder: Path, steps: int = 0) -> Iterator[None]:
    """Stand in a folder, so many folders of `STEP` below it."""
    back = os.open(".", os.O_RDONLY)
    try:
        os.chdir(folder)
        for _ in range(steps):
            os.chdir(STEP)
        yield
    finally:
        os.fchdir(back)
        os.close(back)


def make_deep(folder: Path, longest_bytes: int = LONGEST_BYTES) -> int:
    """Make folders in each other with a file in each, the last as long as a path may be; returns how many folders.

    The file of the folder number N is called N and says so.
    """
    steps = (longest_bytes - len(os.fsencode(folder)) - 4) // (len(STEP) + 1)
    with inside(folder):
        for step in range(1, steps + 1):
            Path(os.fsdecode(STEP)).mkdir()
            os.chdir(STEP)
            Path(str(step)).write_text(f"number {step}")
    return steps


def read_deep(folder: Path, step: int) -> str:
    """Read the file of the folder of that number."""
    with inside(folder, step):
        return Path(str(step)).read_text()
