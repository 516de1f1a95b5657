"""Judges how fast a customer's line is, and how long a first backup takes over it. Pure.

The contract's article 6 asks for a line that is enough for the volume, so this is said before the service begins.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median, median_low

ENOUGH_RUNS = 3
"""With fewer measured runs of all machines of a line nothing is measured."""
JUDGED_RUNS = 5
"""A machine is judged by its measured runs that stored most: a run that stores little spends its time on reading."""
CEILING_BITS_PER_SECOND = 10 * 10**9
"""No machine is believed to have a faster line."""
EXAGGERATED = 2
"""A declared rate is doubted from so many times the measured one on."""


class RateSource(StrEnum):
    """Where a rate comes from."""

    DECLARED = "declared"
    MEASURED = "measured"


@dataclass(frozen=True)
class MeasuredRun:
    """A run of an agent that said how fast it stored; a machine may claim anything."""

    stored_bytes: int
    bytes_per_second: int


@dataclass(frozen=True)
class MachineUpload:
    """What is known of a machine: the volume that its file declares, the rate of its own line, and its measured runs.

    ``has_backup`` tells whether a first backup is over.
    """

    has_backup: bool
    volume_bytes: int | None = None
    own_bits_per_second: int | None = None
    runs: Sequence[MeasuredRun] = ()


@dataclass(frozen=True)
class FirstBackup:
    """How long the first backup of a machine takes at least, without a pause, alone on its line.

    ``seconds`` is None while ``volume_bytes`` or ``bits_per_second`` is unknown.
    """

    machine: str
    volume_bytes: int | None
    bits_per_second: int | None
    source: RateSource | None
    seconds: float | None


@dataclass(frozen=True)
class DoubtedRate:
    """A declared rate that is far above what was measured; ``machine`` is None for the tenant's line."""

    machine: str | None
    declared_bits_per_second: int
    measured_bits_per_second: int


@dataclass(frozen=True)
class Uploads:
    """The first backups that are still to come, and what they take together over the tenant's own line.

    ``shared_seconds`` is None with fewer than two of them of known length there; each is in it.
    """

    first: tuple[FirstBackup, ...] = ()
    shared_seconds: float | None = None
    doubted: tuple[DoubtedRate, ...] = ()


def judge_uploads(machines: Mapping[str, MachineUpload], declared_bits_per_second: int | None) -> Uploads:
    """Return what is known of the first backups of a tenant; its machines share a line, except those with their own."""
    shared = {name: each for name, each in machines.items() if each.own_bits_per_second is None}
    of_all = measure([each.runs for each in shared.values()])
    first: list[FirstBackup] = []
    doubted = _doubt(None, declared_bits_per_second, of_all)
    for name, each in machines.items():
        own = each.own_bits_per_second
        declared, measured = (declared_bits_per_second, of_all) if own is None else (own, measure([each.runs]))
        doubted += _doubt(name, own, measured)
        if not each.has_backup:
            first.append(_first(name, each.volume_bytes, declared, measured))
    known = [each.seconds for each in first if each.machine in shared and each.seconds is not None]
    return Uploads(tuple(first), sum(known) if len(known) > 1 else None, tuple(doubted))


def measure(runs: Sequence[Sequence[MeasuredRun]]) -> int | None:
    """Return the bits a second of a line from the runs of each of its machines; None when too few were measured.

    The middle machine counts: one of them may claim anything.
    """
    rates = [_rates(each) for each in runs]
    if sum(map(len, rates)) < ENOUGH_RUNS:
        return None
    return median_low([int(median(each)) for each in rates if each])


def _rates(runs: Sequence[MeasuredRun]) -> list[int]:
    largest = sorted(runs, key=lambda each: each.stored_bytes, reverse=True)[:JUDGED_RUNS]
    return [min(each.bytes_per_second * 8, CEILING_BITS_PER_SECOND) for each in largest]


def _first(name: str, volume_bytes: int | None, declared: int | None, measured: int | None) -> FirstBackup:
    rate = declared if measured is None else measured
    if rate is None:
        return FirstBackup(name, volume_bytes, None, None, None)
    source = RateSource.DECLARED if measured is None else RateSource.MEASURED
    return FirstBackup(name, volume_bytes, rate, source, None if volume_bytes is None else volume_bytes * 8 / rate)


def _doubt(machine: str | None, declared: int | None, measured: int | None) -> list[DoubtedRate]:
    if declared is None or measured is None or declared <= EXAGGERATED * measured:
        return []
    return [DoubtedRate(machine, declared, measured)]
