"""Waits for a condition, and measures how long it took: changes of IAM and of policies arrive within seconds."""

import time
from collections.abc import Callable

PATIENCE_SECONDS = 60.0
_LOOK_SECONDS = 0.5


def within(condition: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> float | None:
    """Return after how many seconds something became true; None when it did not in time."""
    began = time.monotonic()
    while True:
        is_so = condition()
        taken = time.monotonic() - began
        if is_so:
            return taken
        if taken > seconds:
            return None
        time.sleep(_LOOK_SECONDS)
