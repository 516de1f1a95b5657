"""What this computer has free for more processes: cores and memory, within the limits of its container."""

import os
from pathlib import Path

_MEMORY_INFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")
KEPT_FREE_BYTES = 512 * 1024**2
"""Memory that is left to everything else."""


def count_processes(each_bytes: int, per_core: int) -> int:
    """Return how many processes of this size fit now: at least one, at most ``per_core`` a core."""
    return fit(each_bytes, count_cores() * per_core, find_available_bytes())


def fit(each_bytes: int, most: int, available_bytes: int | None) -> int:
    """Return how many processes of a size fit; unknown memory (None) allows the most. Pure."""
    if available_bytes is None:
        return most
    return max(1, min(most, (available_bytes - KEPT_FREE_BYTES) // each_bytes))


def count_cores(group: Path = _CGROUP) -> int:
    """Return the number of cores that this process may use, at least one."""
    cores = len(os.sched_getaffinity(0))
    quota, _, period = _read(group / "cpu.max").partition(" ")
    if quota.isdigit() and period.strip().isdigit():
        cores = min(cores, -(-int(quota) // int(period)))
    return max(1, cores)


def find_available_bytes(information: Path = _MEMORY_INFO, group: Path = _CGROUP) -> int | None:
    """Return how much memory new processes can have, also within the limit of a container; None when unknown."""
    found = []
    for line in _read(information).splitlines():
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            found.append(int(value.split()[0]) * 1024)
    limit, used = _read(group / "memory.max").strip(), _read(group / "memory.current").strip()
    if limit.isdigit() and used.isdigit():
        found.append(int(limit) - int(used))
    return min(found, default=None)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""  # no such limit, or not Linux
