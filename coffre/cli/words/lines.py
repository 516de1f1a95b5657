"""The English words of how long restores and first backups take."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from coffre.spec.values.rates import format_rate
from coffre.spec.values.sizes import format_bytes

if TYPE_CHECKING:
    from coffre.observation.judge.uplink import FirstBackup, Uploads
    from coffre.supervision.lines import MachineRestore

_HOUR, _MINUTE = 3600, 60


def format_duration(seconds: float) -> str:
    """Write a duration with its two largest units, rounded up: nobody is told less than it takes."""
    whole = -int(-seconds // 1)
    if whole < 2 * _MINUTE:
        return f"{whole} s"
    minutes = -(-whole // _MINUTE)
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
    hours = -(-whole // _HOUR)
    return f"{hours // 24} d {hours % 24} h"


def describe_uploads(uploads: "Uploads") -> Iterator[str]:
    """Yield how long the first backups take, and which declared rates are doubted; nothing when none is to come."""
    unknown = [each.machine for each in uploads.first if each.seconds is None]
    for each in uploads.first:
        if each.seconds is not None:
            yield _first(each)
    if uploads.shared_seconds is not None:
        yield f"first backups that share the line: {format_duration(uploads.shared_seconds)} together"
    if unknown:
        has_rate = all(each.bits_per_second is not None for each in uploads.first)
        lacking = [] if has_rate else ["`line: {upload: 20 Mbit/s}`"]
        lacking += ["`volume: 200 GiB` of each machine"] if _lacks_volume(uploads) else []
        yield f"first backup of {', '.join(unknown)}: unknown how long; declare {' and '.join(lacking)} (article 6)"
    for doubted in uploads.doubted:
        whose = "the line" if doubted.machine is None else f"the line of {doubted.machine}"
        yield (
            f"{whose} is declared with {format_rate(doubted.declared_bits_per_second)}, but its backups reach "
            f"{format_rate(doubted.measured_bits_per_second)}"
        )


def _lacks_volume(uploads: "Uploads") -> bool:
    return any(each.volume_bytes is None for each in uploads.first)


def _first(first: "FirstBackup") -> str:
    size, rate = format_bytes(first.volume_bytes or 0), format_rate(first.bits_per_second or 0)
    long = format_duration(first.seconds or 0)
    source = "" if first.source is None else f", as {first.source.value}"
    return f"first backup of {first.machine}: about {size} over {rate}{source}: {long} of upload without pause"


def describe_restore(restore: "MachineRestore") -> str:
    """Say how long the full restore of a machine takes over one line, or why that is not known."""
    from coffre.supervision.judge.restoring.restore_time import ENOUGH, FARTHEST, Unknown

    time = restore.time
    way = "to this computer" if restore.line.onto is None else f"onto {restore.line.onto}"
    size = "" if time.size_bytes is None else f"{format_bytes(time.size_bytes)} "
    head = f"{restore.machine}: {size}{way}: "
    if time.median_seconds is None or time.p90_seconds is None:
        largest = format_bytes(time.largest_bytes)
        reasons = {
            Unknown.NO_SIZE: "no pass of supervision has seen a backup of it",
            Unknown.TOO_FEW: f"{time.samples} of {ENOUGH} needed drills or restores were timed",
            Unknown.TOO_SMALL: f"what was read so far, {largest} at most, is too little to tell how fast the line is",
            Unknown.TOO_FAR: f"it is more than {FARTHEST} times the largest that was read, {largest}",
        }
        return f"{head}unknown: {reasons[time.unknown or Unknown.TOO_FEW]}"
    whose = ", of all tenants on the platform" if restore.is_of_all else ""
    return (
        f"{head}about {format_duration(time.median_seconds)}, in nine of ten cases at most "
        f"{format_duration(time.p90_seconds)} ({time.samples} timed{whose})"
    )
