"""The signs of an attack on a machine's data, as typed values. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class SignKind(StrEnum):
    """What is seen of an attack. The database keeps the values for ever."""

    BAIT_CHANGED = "bait_changed"
    """Bait files of the agent have another content, or another name: `count`, `of`."""

    BAIT_GONE = "bait_gone"
    """Bait files of the agent are gone: `count`, `of`."""

    BAIT_READ = "bait_read"
    """Something other than a backup read bait files: `count`, `of`."""

    REWRITTEN = "rewritten"
    """Files got new content, in place or under new names, that does not compress: `files` of `files_before`."""

    REMOVED = "removed"
    """Files are gone, and no new ones took their place: `files` of `files_before`."""

    ADDED = "added"
    """Few files bring far more new bytes than usual, which do not compress: `bytes`, `usual_bytes`."""

    STORE_OVERWRITTEN = "store_overwritten"
    """Objects of the repository have versions with another content, which no program of SMILÉO writes: `count`, `key`
    of one."""

    STORE_LOST = "store_lost"
    """Objects of the repository are gone, and Coffre did not remove them: `count`."""

    UNREPORTED = "unreported"
    """Snapshots arrive without a report: `count`."""

    UNDERSTATED = "understated"
    """The repository grows far more than the reports say: `bytes`, `reported_bytes`."""

    SETTINGS_WEAKENED = "settings_weakened"
    """What is applied protects less than before: `settings` by name, `by` whom, `commit`, `at`; `scope` is "retention"
    when that is among them, else "plan"."""


@dataclass(frozen=True)
class Sign:
    """One sign. A strong one is enough to freeze a retention; of weak ones, two of different sources are."""

    kind: SignKind
    is_strong: bool
    evidence: Mapping[str, str | int | None] = field(default_factory=dict)
