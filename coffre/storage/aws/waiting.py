"""Waits for a condition on AWS, where a change of IAM takes some seconds to arrive everywhere."""

import time
from collections.abc import Callable

_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.2, 3.0


def wait_until(is_so: Callable[[], bool], seconds: float) -> bool:
    """Ask again until a condition is true; False when it is still false after this time."""
    deadline, pause = time.monotonic() + seconds, _FIRST_PAUSE_SECONDS
    while not is_so():
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        time.sleep(min(pause, left))
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
    return True
