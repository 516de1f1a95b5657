"""Judges how full a tenant's storage is: warnings, the rate, and when to look again (contract, articles 2 and 8). Pure.

The sold quota counts current bytes, the wall all versions.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from coffre.findings import Finding, FindingKind
from coffre.records.kept_findings import KeptFinding

WARN_AT_PERCENT = (80, 90)
QUOTA_KINDS = frozenset({FindingKind.QUOTA_NEAR.value, FindingKind.QUOTA_REACHED.value})
ENDS_BELOW = 3
"""A warning ends so many percent below the part at which it began: usage moves around it for days."""
LOOK_SECONDS_AT_LEAST = 5
RATE_WINDOW = timedelta(hours=1)
"""Looks that are older say nothing about how fast the storage fills now."""
PEAK_KEPT = timedelta(days=30)
"""An older peak says nothing about the machines and the line of today."""


@dataclass(frozen=True)
class Use:
    """The bytes of a tenant at one look; ``stored_bytes`` counts all versions, ``current_bytes`` what the quota counts.

    ``current_bytes`` is None when they were not listed: then they are at most ``stored_bytes``.
    """

    at: datetime
    stored_bytes: int
    current_bytes: int | None = None


def add_up(use: Use, figures: Iterable[int | None]) -> Use:
    """Return the use of buckets together with what other platforms count themselves; None: one gave no figure.

    Such a platform counts only what its quota counts, so it has no older versions.
    """
    current_bytes, stored_bytes = use.current_bytes, use.stored_bytes
    for each in figures:
        stored_bytes += each or 0
        current_bytes = None if each is None or current_bytes is None else current_bytes + each
    return Use(use.at, stored_bytes, current_bytes)


@dataclass(frozen=True)
class Limits:
    """The sold quota, and the wall: None where the platform enforces none."""

    quota_bytes: int
    wall_bytes: int | None


def list_warned(kept: Iterable[KeptFinding]) -> list[int]:
    """Return the percentages of the warnings that are open."""
    open_ones = [each for each in kept if each.is_open and each.place.kind == FindingKind.QUOTA_NEAR.value]
    return [int(percent) for each in open_ones if isinstance(percent := each.evidence.get("percent"), int)]


def leave_out_lesser(kept: Iterable[KeptFinding]) -> list[KeptFinding]:
    """Leave out the warnings of a quota of which a higher one is open: people read one cause once."""
    found = list(kept)
    is_reached = any(each.is_open and each.place.kind == FindingKind.QUOTA_REACHED.value for each in found)
    highest = max(list_warned(found), default=0)

    def is_lesser(each: KeptFinding) -> bool:
        is_warning = each.is_open and each.place.kind == FindingKind.QUOTA_NEAR.value
        return is_warning and (is_reached or each.evidence.get("percent") != highest)

    return [each for each in found if not is_lesser(each)]


def judge_quota(use: Use, quota_bytes: int, *, is_gate_closed: bool, warned: Collection[int] = ()) -> Iterator[Finding]:
    """Yield the warnings that hold: at 80 and 90 % of the sold quota, and while the quota keeps the gate closed.

    ``warned`` are the percentages of the warnings that are open. Each holds by itself, so that none ends because a
    higher one begins.
    """
    used_bytes = use.stored_bytes if use.current_bytes is None else use.current_bytes
    evidence = {"used_bytes": used_bytes, "quota_bytes": quota_bytes}
    for percent in WARN_AT_PERCENT:
        holds_at = percent - ENDS_BELOW if percent in warned else percent
        if use.current_bytes is not None and used_bytes * 100 >= quota_bytes * holds_at:
            yield Finding(FindingKind.QUOTA_NEAR, None, {**evidence, "percent": percent})
    if is_gate_closed:
        yield Finding(FindingKind.QUOTA_REACHED, None, evidence)


def is_reached(use: Use, quota_bytes: int, kept: Iterable[KeptFinding]) -> bool:
    """Tell whether the sold quota is reached, where no gate of Coffre's says so; told once, it is until 97 % of it."""
    if use.current_bytes is None:
        return False
    is_told = any(each.is_open and each.place.kind == FindingKind.QUOTA_REACHED.value for each in kept)
    return use.current_bytes * 100 >= quota_bytes * (100 - ENDS_BELOW if is_told else 100)


def highest_rate(looks: Sequence[Use], now: datetime) -> float:
    """Return the highest growth of all versions between two recent looks, in bytes a second; 0 when unknown."""
    recent = [each for each in looks if now - each.at <= RATE_WINDOW]
    rates = [
        (after.stored_bytes - before.stored_bytes) / (after.at - before.at).total_seconds()
        for before, after in pairwise(recent)
        if after.at > before.at
    ]
    return max([0.0, *rates])


@dataclass(frozen=True)
class Peak:
    """The fastest that a tenant was seen to fill its storage in a while, in bytes a second."""

    at: datetime
    bytes_per_second: float


def follow_peak(peak: Peak | None, looks: Sequence[Use], now: datetime) -> Peak | None:
    """Return the peak after these looks; one that is older than `PEAK_KEPT` gives way to what is measured now."""
    rate = highest_rate(looks, now)
    if rate <= 0:
        return peak
    is_highest = peak is None or now - peak.at > PEAK_KEPT or rate >= peak.bytes_per_second
    return Peak(now, rate) if is_highest else peak


def next_look_seconds(
    looks: Sequence[Use], limits: Limits, now: datetime, every_seconds: int, possible_rate: float
) -> int:
    """Return when to look again: after half of the time in which the wall is reached.

    At the measured rate, or at ``possible_rate`` where that is higher: machines that rest now may begin at any time. So
    the reserve between quota and wall needs no more than two such times. Never later than the interval between two
    passes, never sooner than 5 s. Without a wall, the quota counts.
    """
    rate = max(highest_rate(looks, now), possible_rate)
    if rate <= 0 or not looks:
        return every_seconds
    limit = limits.quota_bytes if limits.wall_bytes is None else limits.wall_bytes
    left_bytes = max(0, limit - looks[-1].stored_bytes)
    return max(LOOK_SECONDS_AT_LEAST, min(every_seconds, int(left_bytes / rate / 2)))
