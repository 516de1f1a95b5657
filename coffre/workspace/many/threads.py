"""Runs jobs side by side, each within a time limit of its own: one that takes longer is left, and delays nobody."""

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")

_LOOK_SECONDS = 0.5
"""How often running jobs are compared with their limit while none ends."""


@dataclass(frozen=True)
class Late:
    """The job did not end within the limit. It goes on in the background until this process ends."""

    limit_seconds: float


@dataclass
class _Running(Generic[T]):
    name: str
    job: Callable[[], T]
    began: float = field(default_factory=time.monotonic)


def run_all(
    jobs: Mapping[str, Callable[[], T]], workers: int, limit_seconds: float
) -> Iterator[tuple[str, T | Exception | Late]]:
    """Yield each job's name with its result, its error, or Late, as they end; at most ``workers`` at a time.

    A job should be bounded by itself; the limit is for one that is not.
    """
    waiting = iter(jobs.items())
    ended: queue.Queue[tuple[_Running[T], T | Exception]] = queue.Queue()
    running: dict[str, _Running[T]] = {}

    def start_next() -> None:
        for name, job in waiting:
            running[name] = one = _Running(name, job)
            # Python joins no daemon at its end: a job that hangs does not keep the command.
            threading.Thread(target=_run, args=(one, ended), name=f"job {name}", daemon=True).start()
            return

    for _ in range(workers):
        start_next()
    while running:
        with contextlib.suppress(queue.Empty):
            one, result = ended.get(timeout=_LOOK_SECONDS)
            if running.get(one.name) is one:
                del running[one.name]
                start_next()
                yield one.name, result
        for late in [each for each in running.values() if time.monotonic() - each.began > limit_seconds]:
            del running[late.name]
            start_next()
            yield late.name, Late(limit_seconds)


def _run(one: _Running[T], ended: "queue.Queue[tuple[_Running[T], T | Exception]]") -> None:
    try:
        ended.put((one, one.job()))
    except Exception as problem:  # noqa: BLE001 - the caller gets it as the job's result
        ended.put((one, problem))
