"""What came in: every call without its secrets, and what was not as described."""

import threading
import time
from typing import Any

_MOST = 20_000


class Journal:
    """The calls of a service's life; the oldest go when there are too many."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: list[dict[str, Any]] = []
        self._invalid_requests: list[str] = []
        self._invalid_answers: list[str] = []

    def note(self, method: str, path: str, query: str, user_agent: str, status: int, began: float) -> None:
        """Note a call; ``status`` 0 is a connection that ended without an answer."""
        call = {
            "method": method, "path": path, "query": query, "user_agent": user_agent, "status": status, "began": began,
            "seconds": time.time() - began,
        }  # fmt: skip
        with self._lock:
            self._calls.append(call)
            del self._calls[:-_MOST]

    def note_invalid_request(self, text: str) -> None:
        with self._lock:
            self._invalid_requests.append(text)

    def note_invalid_answer(self, text: str) -> None:
        with self._lock:
            self._invalid_answers.append(text)

    def read(self) -> dict[str, Any]:
        """Return calls, and what tests assert empty: requests and answers that are not as described."""
        with self._lock:
            return {
                "calls": list(self._calls),
                "invalid_requests": list(self._invalid_requests),
                "invalid_answers": list(self._invalid_answers),
            }

    def forget(self) -> None:
        with self._lock:
            self._calls.clear()
            self._invalid_requests.clear()
            self._invalid_answers.clear()
