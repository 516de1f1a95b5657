"""A bucket whose calls a test sees, delays, answers otherwise or ends, before or after they take effect."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from coffre.storage.values import ObjectFacts, Unusable

Hook = Callable[[str, str], Any]
"""Gets the name of a call and its key or prefix. It may raise; what it returns is the answer, None: the real one."""


def pass_all(call: str, key: str) -> None:
    """Let a call pass."""


class WatchedBucket:
    """Another bucket behind two hooks; each listed object is a call of its own, `listed`."""

    def __init__(self, bucket: Any) -> None:
        self.name: str = bucket.name
        self.bucket = bucket
        self.before: Hook = pass_all
        self.after: Hook = pass_all
        self.calls: list[tuple[str, str]] = []

    def release(self) -> None:
        """Let every call pass again, and forget the earlier ones."""
        self.before = self.after = pass_all
        self.calls.clear()

    def keys_of(self, call: str) -> list[str]:
        return [key for name, key in self.calls if name == call]

    def walk_objects(self, prefix: str) -> Iterator[ObjectFacts]:
        self._call("walk", prefix, lambda: None)
        for facts in self.bucket.walk_objects(prefix):
            yield self._call("listed", facts.key, lambda facts=facts: facts)

    def find(self, key: str, limit_bytes: int) -> bytes | Unusable | None:
        found: bytes | Unusable | None = self._call("find", key, lambda: self.bucket.find(key, limit_bytes))
        return found

    def put(self, key: str, body: bytes) -> None:
        self._call("put", key, lambda: self.bucket.put(key, body))

    def probe_server_time(self) -> datetime:
        now: datetime = self._call("probe", "", self.bucket.probe_server_time)
        return now

    def _call(self, call: str, key: str, act: Callable[[], Any]) -> Any:
        self.calls.append((call, key))
        answer = self.before(call, key)
        if answer is None:
            answer = act()
        self.after(call, key)
        return answer
