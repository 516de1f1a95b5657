"""Foresees how long a restore takes, from earlier drills and restores over the same line. Pure.

seconds = fixed + bytes * seconds a byte. The seconds a byte are those of the line; the fixed ones are what a restore
needs before the first byte, and a drill more than a restore: it starts a program for each file. So both kinds share the
line, each has fixed seconds of its own, and only two samples of one kind tell how fast the line is. A count of files is
no third term: most samples hold few files, and over the days of a restore the bytes decide.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from statistics import median

ENOUGH = 5
"""With fewer samples nothing is foreseen."""
NEWEST = 60
"""A line changes: older samples say little about it."""
FARTHEST = 100
"""A restore is foreseen from samples of at least a hundredth of its bytes: an hour from half a minute, in which a line
has reached its speed. A drill reads at most 256 MiB, so beyond 25 GiB a real restore must have been measured."""


class SampleKind(StrEnum):
    """What was timed."""

    DRILL = "drill"
    RESTORE = "restore"


@dataclass(frozen=True)
class Sample:
    """How long so many bytes of files took to be read."""

    kind: SampleKind
    seconds: float
    read_bytes: int


class Unknown(StrEnum):
    """Why a time is not known."""

    NO_SIZE = "no_size"
    """Nobody knows how much would be restored."""
    TOO_FEW = "too_few"
    """There are fewer samples than `ENOUGH`."""
    TOO_SMALL = "too_small"
    """The samples are so small that their fixed seconds hide how fast the line is."""
    TOO_FAR = "too_far"
    """The size is more than `FARTHEST` times the largest sample."""


@dataclass(frozen=True)
class RestoreTime:
    """How long a restore of so many bytes takes.

    Half of them take no longer than ``median_seconds``, nine of ten no longer than ``p90_seconds``, which is what a
    customer is told. Both are None where ``unknown`` says why.

    ``samples`` is on how many it rests, ``largest_bytes`` the largest of them.
    """

    size_bytes: int | None
    samples: int
    largest_bytes: int
    median_seconds: float | None = None
    p90_seconds: float | None = None
    unknown: Unknown | None = None


def foresee_restore(samples: Sequence[Sample], size_bytes: int | None) -> RestoreTime:
    """Return how long a restore of a size takes, from samples of one line, the newest last."""
    known = [each for each in samples if each.seconds > 0][-NEWEST:]
    largest_bytes = max((each.read_bytes for each in known), default=0)
    line = None if len(known) < ENOUGH else _Line.fit(known)
    if size_bytes is None or line is None:
        why = Unknown.NO_SIZE if size_bytes is None else Unknown.TOO_FEW
        return RestoreTime(size_bytes, len(known), largest_bytes, unknown=why)
    ratios = [each.seconds / line.foresee(each.kind, each.read_bytes) for each in known]
    if size_bytes > largest_bytes:
        # Samples in which the bytes take longer than all the rest: these alone show how fast the line is.
        telling = [line.seconds_a_byte * each.read_bytes >= line.fixed(each.kind) for each in known]
        ratios = [ratio for ratio, is_telling in zip(ratios, telling, strict=True) if is_telling]
        if len(ratios) < ENOUGH or size_bytes > FARTHEST * largest_bytes:
            why = Unknown.TOO_SMALL if len(ratios) < ENOUGH else Unknown.TOO_FAR
            return RestoreTime(size_bytes, len(known), largest_bytes, unknown=why)
    seconds = line.foresee(SampleKind.RESTORE, size_bytes)
    return RestoreTime(size_bytes, len(known), largest_bytes, seconds, seconds * max(1.0, _ninth_tenth(ratios)))


@dataclass(frozen=True)
class _Line:
    """A line: its seconds a byte, and the fixed seconds of each kind of sample that there is."""

    seconds_a_byte: float
    fixed_seconds: dict[SampleKind, float]

    @classmethod
    def fit(cls, samples: Sequence[Sample]) -> "_Line":
        """Return the line by Theil and Sen: the median of what pairs of samples say, by the bytes between the two."""
        pairs = sorted(_slopes(samples))
        slope = max(0.0, _weighted_median(pairs)) if pairs else 0.0
        rests: dict[SampleKind, list[float]] = {}
        for each in samples:
            rests.setdefault(each.kind, []).append(each.seconds - slope * each.read_bytes)
        return cls(slope, {kind: max(_LEAST_SECONDS, median(left)) for kind, left in rests.items()})

    def fixed(self, kind: SampleKind) -> float:
        """Return the fixed seconds of a kind; without a sample of it those of the other."""
        return self.fixed_seconds.get(kind, max(self.fixed_seconds.values()))

    def foresee(self, kind: SampleKind, read_bytes: int) -> float:
        return self.fixed(kind) + self.seconds_a_byte * read_bytes


_LEAST_SECONDS = 0.001


def _slopes(samples: Sequence[Sample]) -> Iterator[tuple[float, int]]:
    """Yield the seconds a byte that each pair of one kind gives, with the bytes between the two."""
    for one, other in combinations(samples, 2):
        between = other.read_bytes - one.read_bytes
        if one.kind is other.kind and between:
            yield (other.seconds - one.seconds) / between, abs(between)


def _weighted_median(pairs: Sequence[tuple[float, int]]) -> float:
    half, so_far = sum(weight for _, weight in pairs) / 2, 0
    for value, weight in pairs:
        so_far += weight
        if so_far >= half:
            return value
    return pairs[-1][0]


def _ninth_tenth(values: Sequence[float]) -> float:
    """Return the value that one more sample stays below in nine of ten cases; of few samples the highest."""
    place = math.ceil(0.9 * (len(values) + 1))
    return sorted(values)[min(place, len(values)) - 1]
