"""The fence of this process: while it holds locks that can be lost, nothing is changed once one of them is lost.

Whatever changes something outside (a platform, a bundle, a record, a machine) asks `check` first. The holder of such a
lock adds its own check for as long as it holds the lock.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Check = Callable[[], None]
"""Raises an ExpectedError when the lock is no longer held."""

_checks: list[Check] = []


@contextmanager
def fenced_by(lock: Check) -> Iterator[None]:
    """Have every change of this process ask this lock during the block."""
    _checks.append(lock)
    try:
        yield
    finally:
        _checks.remove(lock)


def check() -> None:
    """Raise the error of a lost lock; nothing without one. Comes before each change."""
    for lock in tuple(_checks):
        lock()
