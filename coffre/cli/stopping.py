"""A clean stop for commands that go on until a signal comes."""

import signal
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stopping(
    numbers: Collection[signal.Signals] = (signal.SIGTERM, signal.SIGINT),
) -> Iterator[threading.Event]:
    """Give an event that SIGTERM or Ctrl-C sets, or these signals: the command completes what it does, and ends with 0.

    Ctrl-C reaches the programs that a command has started too: one that needs them to complete its work leaves it out.
    """
    stop = threading.Event()

    def note(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, note) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
