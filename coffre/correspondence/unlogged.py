"""Keeps secret URLs out of logs: libraries write the URLs that they call there, at their more talkative levels."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

_LOGGERS = ("urllib3", "urllib3.connectionpool", "urllib3.util.retry", "requests")


@contextmanager
def calls_unlogged() -> Iterator[None]:
    """Let no library log what it calls."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    before = [each.disabled for each in loggers]
    for each in loggers:
        each.disabled = True
    try:
        yield
    finally:
        for each, was_disabled in zip(loggers, before, strict=True):
            each.disabled = was_disabled
