"""Gives each machine its own control group on a host without systemd.

Without it all machines of the host would share the groups ``payload`` and ``supervisor``, and one machine's systemd
would treat another's services as its own.
"""

import contextlib
import time
from pathlib import Path


def is_host_systemd() -> bool:
    """Tell whether systemd runs this host; then nspawn asks it for a scope, and nothing here is needed."""
    return Path("/run/systemd/system").is_dir()


def parse_roots(mountinfo: str) -> list[Path]:
    """Return where systemd's hierarchies are mounted (``name=systemd`` and the unified one), from mountinfo."""
    roots = []
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.partition(" ")
        is_named = kind == "cgroup" and "name=systemd" in options.split(" ")[-1].split(",")
        if kind == "cgroup2" or is_named:
            roots.append(Path(before.split(" ")[4]))
    return roots


def list_groups(name: str) -> list[Path]:
    """Return the directories of the machine's groups, there or not."""
    return [root / name for root in parse_roots(Path("/proc/self/mountinfo").read_text(encoding="utf-8"))]


def ensure(name: str) -> list[Path]:
    """Make the machine's groups and return their directories."""
    groups = list_groups(name)
    for group in groups:
        group.mkdir(exist_ok=True)
    return groups


def remove(name: str, *, seconds: float = 5.0) -> None:
    """Remove the machine's groups with all below them; their processes, already killed, may take a moment to go."""
    deadline = time.monotonic() + seconds
    for group in list_groups(name):
        while group.exists():
            for directory in sorted(group.rglob("*/"), key=lambda path: len(path.parts), reverse=True):
                with contextlib.suppress(OSError):
                    directory.rmdir()
            with contextlib.suppress(OSError):
                group.rmdir()
            if time.monotonic() > deadline:
                return
            if group.exists():
                time.sleep(0.1)
