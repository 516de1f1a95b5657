"""Whether a second copy is behind the original: by the snapshots that each of them lists. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

COPY_GRACE = timedelta(hours=24)
"""How long a snapshot may be missing in the copy: `coffre copy` runs daily."""


@dataclass(frozen=True)
class Behind:
    """The snapshots that a copy lacks: their number, and when the oldest of them arrived; ``is_late`` by that time."""

    count: int = 0
    since: datetime | None = None
    is_late: bool = False


def judge_behind(stored: Mapping[str, datetime], copied: Collection[str], now: datetime) -> Behind:
    """Compare the snapshots of a machine, by id with the time at which each arrived, with those of its copy."""
    missing = {each: at for each, at in stored.items() if each not in copied}
    if not missing:
        return Behind()
    since = min(missing.values())
    return Behind(len(missing), since, now - since > COPY_GRACE)
