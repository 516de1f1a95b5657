"""Sets of times: intervals that do not touch each other, in their order. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, order=True)
class Interval:
    """A time from its begin to its end, which is excluded."""

    begins_at: datetime
    ends_at: datetime

    @property
    def length(self) -> timedelta:
        return self.ends_at - self.begins_at


def unite(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """Return the times that are in any of these."""
    found: list[Interval] = []
    for each in sorted(each for each in intervals if each.ends_at > each.begins_at):
        if found and each.begins_at <= found[-1].ends_at:
            found[-1] = Interval(found[-1].begins_at, max(found[-1].ends_at, each.ends_at))
        else:
            found.append(each)
    return tuple(found)


def intersect(ones: Sequence[Interval], others: Sequence[Interval]) -> tuple[Interval, ...]:
    """Return the times that are in both; each is a set already (`unite`)."""
    return unite(
        Interval(max(one.begins_at, other.begins_at), min(one.ends_at, other.ends_at))
        for one in ones
        for other in others
        if one.begins_at < other.ends_at and other.begins_at < one.ends_at
    )


def subtract(ones: Sequence[Interval], others: Sequence[Interval]) -> tuple[Interval, ...]:
    """Return the times of the first that are not in the second; each is a set already."""
    left = list(ones)
    for other in others:
        left = [
            part
            for one in left
            for part in (
                Interval(one.begins_at, min(one.ends_at, other.begins_at)),
                Interval(max(one.begins_at, other.ends_at), one.ends_at),
            )
            if part.ends_at > part.begins_at
        ]
    return tuple(left)


def total(intervals: Iterable[Interval]) -> timedelta:
    """Return how long all of them are together."""
    return sum((each.length for each in intervals), timedelta(0))
