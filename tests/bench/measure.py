"""Measuring: medians of several runs, the memory of a child, and the one table."""

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

RUNS = 5
SAID_BYTES = 4000
"""How much of what a failed command said last is shown: its folder is gone when somebody could look."""


@dataclass(frozen=True)
class Row:
    """One figure: what was measured, its median, its floor (None: there is none) and its limit, in the unit given.

    With ``is_least`` the limit is the least that it may be.
    """

    name: str
    value: float
    floor: float | None = None
    floor_name: str = ""
    limit: float | None = None
    unit: str = "s"
    is_least: bool = False
    floor_unit: str = ""
    """That of the floor where it is another."""

    @property
    def verdict(self) -> str:
        if self.limit is None:
            return ""
        is_met = self.value >= self.limit if self.is_least else self.value <= self.limit
        return "met" if is_met else "NOT MET"


@dataclass(frozen=True)
class Child:
    """One ended command: how long it took, its processes' work, and the most memory that one of them had."""

    seconds: float
    peak_mib: float
    cpu_seconds: float = 0.0


def run_child(arguments: Sequence[str | Path], cwd: Path, environment: Mapping[str, str]) -> Child:
    """Run a command to its end and hold it to success.

    By a small process in between: a child begins with the most memory its parent ever had as its own (Linux).
    """
    with tempfile.TemporaryFile() as log:
        done = subprocess.run(
            [sys.executable, "-I", __file__, *arguments],
            cwd=cwd,
            env=dict(environment),
            stdout=subprocess.PIPE,
            stderr=log,
            check=False,
        )
        if done.returncode != 0:
            log.seek(max(0, log.tell() - SAID_BYTES))
            said = log.read().decode(errors="replace")
            raise RuntimeError(f"{' '.join(map(str, arguments))} ended with {done.returncode}:\n{said}")
    return Child(**json.loads(done.stdout))


def median_of(run: Callable[[int], float], runs: int = RUNS) -> float:
    """Return the median of several runs; each is told its number."""
    return statistics.median(run(number) for number in range(runs))


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def table(rows: Sequence[Row]) -> str:
    """Return the rows as one table."""
    lines = [f"{'what':58} {'median':>9} {'limit':>8} {'':8} floor"]
    for row in rows:
        limit = "" if row.limit is None else f"{row.limit:g} {row.unit}"
        floor = "" if row.floor is None else f"{row.floor:.2f} {row.floor_unit or row.unit}: {row.floor_name}"
        lines.append(f"{row.name:58} {row.value:7.2f} {row.unit:2} {limit:>8} {row.verdict:8} {floor}".rstrip())
    return "\n".join(lines)


def main() -> int:
    """Run a command with its output on standard error, and print what it took."""
    began = time.perf_counter()
    done = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False)
    seconds = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_seconds = used.ru_utime + used.ru_stime
    print(json.dumps({"seconds": seconds, "peak_mib": used.ru_maxrss / 1024, "cpu_seconds": cpu_seconds}))
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
