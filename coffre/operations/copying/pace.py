"""Bounds the bandwidth of a run by the time at which each object may begin. Pure apart from its clock and its sleep."""

import threading
import time
from collections.abc import Callable


class Pace:
    """The bandwidth of one run over all its readers, in bytes per second; None: unbounded. Safe to use from threads.

    An object begins at once when everything before it is paid for, and the next one begins when it is paid for too: an
    object larger than a second's share is moved at full speed, and paid for afterwards. Idle time is not saved up. So
    from the first object to any later moment, at most the bandwidth times that time and one object have begun.
    """

    def __init__(
        self,
        bytes_per_second: int | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if bytes_per_second is not None and bytes_per_second <= 0:
            raise ValueError("a bandwidth is more than nothing")
        self._bytes_per_second = bytes_per_second
        self._clock, self._sleep = clock, sleep
        self._guard = threading.Lock()
        self._paid_until = clock()

    def wait(self, size_bytes: int) -> None:
        """Return when an object of this size may begin."""
        if self._bytes_per_second is None:
            return
        with self._guard:
            begins_at = max(self._clock(), self._paid_until)
            self._paid_until = begins_at + size_bytes / self._bytes_per_second
        while (left := begins_at - self._clock()) > 0:
            self._sleep(left)
