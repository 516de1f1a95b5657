"""What goes wrong on demand: the next calls of a path fail, are slow, or lose their answer after the work was done."""

import re
import threading
from dataclasses import dataclass, field
from typing import Any

KINDS = ("status", "drop", "lose", "half", "huge", "drip", "delay", "redirect", "replace", "hold", "race")
"""What a fault may be.

``status``: an answer of that ``status``, ``body`` and headers, without the work; ``drop``: the connection ends, without
the work; ``lose``: it ends after the work; ``half``: after half the answer; ``huge``: ``size_bytes`` follow the answer;
``drip``: a byte every ``seconds``; ``delay``: the answer waits for ``seconds``; ``redirect``: to ``location``;
``replace``: every text ``old`` in the answer's body is ``new``, as when the vendor adds values or says something odd;
``hold``: after ``seconds`` the connection ends, without the work; ``race``: right before the work somebody else changes
the tenant or user that the path names, so that every version is another.
"""


@dataclass
class Fault:
    """A fault for the next ``times`` calls of a method (any when empty) on a path (a regular expression, whole)."""

    kind: str
    path: str = ".*"
    method: str = ""
    times: int = 1
    after: int = 0
    """How many calls it lets pass first."""
    status: int = 503
    body: str = ""
    content_type: str = "text/html"
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    size_bytes: int = 0
    location: str = ""
    old: str = ""
    new: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no such fault: {self.kind}")
        re.compile(self.path)


class Faults:
    """The faults that wait for their calls, in the order that they were given."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []

    def add(self, **fields: Any) -> None:
        with self._lock:
            self._waiting.append(Fault(**fields))

    def clear(self) -> None:
        with self._lock:
            self._waiting.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """Return the fault that this call meets, and count it."""
        with self._lock:
            for fault in self._waiting:
                if fault.method in ("", method) and re.fullmatch(fault.path, path):
                    if fault.after:
                        fault.after -= 1
                        continue
                    fault.times -= 1
                    if fault.times <= 0:
                        self._waiting.remove(fault)
                    return fault
        return None
