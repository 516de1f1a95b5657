"""The Ceph releases for a lab: Debian's own packages of one suite each, in a tree of the tools cache.

They are not installed on this machine. Daemons and tools run in their own mount name spaces, where the tree is the
system and the lab's directory has its own path; the mounts end with the process.
"""

import hashlib
import platform
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from coffre.errors import ExpectedError, RefusedError, RemoteError, UsageError
from coffre_lab import processes
from coffre_lab.ceph import bootstrap
from coffre_lab.ceph.trees import ensure_tree

PACKAGES = ("ceph-common", "ceph-mgr", "ceph-mon", "ceph-osd", "haproxy", "radosgw")
TREE = "tree"
"""The folder of a cluster on which its release's system is mounted, visible only to its own processes."""

_ENTER = """
system=$1 root=$2 lab=$3; shift 3
mount -t tmpfs -o mode=0755 tmpfs "$root" && cd "$root" && mkdir dev proc sys tmp run || exit 1
for each in bin etc lib lib32 lib64 libx32 sbin usr var; do
  if [ -L "$system/$each" ]; then cp -P "$system/$each" . || exit 1
  elif [ -d "$system/$each" ]; then mkdir "$each" && mount --bind "$system/$each" "$each" || exit 1; fi
done
mkdir -p ".$lab" && mount --bind "$lab" ".$lab" || exit 1
mount --rbind /dev dev && mount -t proc proc proc && mount --rbind /sys sys || exit 1
exec chroot . "$@"
"""


_NO_SUITE = "does not have a Release file"
"""apt's message for a suite that a mirror lacks; an unreachable mirror has another one."""


class NotOfferedError(ExpectedError):
    """A release of Ceph is not available: its suite has another one now, or the mirror has no such suite."""


@dataclass(frozen=True)
class Release:
    """One release of Ceph: its number, its name, and the Debian suite that has it."""

    number: int
    name: str
    suite: str


RELEASES = {each.number: each for each in (
    Release(16, "pacific", "bookworm"),
    Release(18, "reef", "trixie"),
    Release(20, "tentacle", "forky"),
)}  # fmt: skip
"""In the order of their age. Ceph allows an upgrade by at most two numbers at a time."""
DEFAULT_RELEASE = 18


def find_release(number: int) -> Release:
    """Return a release by its number; UsageError for one that the lab does not support."""
    if number not in RELEASES:
        raise UsageError(f"the lab does not support Ceph {number}", f"its releases: {', '.join(map(str, RELEASES))}")
    return RELEASES[number]


def list_steps(running: int, wanted: int) -> list[Release]:
    """Return the releases of an upgrade from one to a newer one, the last one included."""
    return [release for number, release in RELEASES.items() if running < number <= wanted]


def list_releases(directory: Path, running: int, wanted: Release | None, *, may_upgrade: bool) -> list[Release]:
    """Return the releases that `up` starts one after the other: the lab's own, then those of an upgrade. Pure.

    RefusedError when the wanted one is older than the lab of ``directory``, or newer without permission to upgrade.
    """
    own = find_release(running)
    if wanted is not None and wanted.number < running:
        raise RefusedError(
            f"the lab in {directory} runs Ceph {running}, and Ceph {wanted.number} cannot use its stores",
            f"Start it with --release {running}, or erase it: `coffre lab down --erase`.",
        )
    if wanted is not None and wanted.number > running and not may_upgrade:
        raise RefusedError(
            f"the lab in {directory} runs Ceph {running}",
            f"Upgrade it to {wanted.number}, which cannot be undone: "
            f"`coffre lab up --release {wanted.number} --upgrade`.",
        )
    return [own, *list_steps(running, (wanted or own).number)]


def read_version(printed: str) -> str:
    """Return the version in what ``ceph-mon --version`` prints, as 18.2.7."""
    found = re.search(r"ceph version (\d+(?:\.\d+)*)", printed)
    if found is None:
        raise ExpectedError(f"ceph-mon prints no version: {printed.strip()[:200]}", "remove its tree from the cache")
    return found[1]


@dataclass(frozen=True)
class ReleaseTree:
    """A release's system under ``cache``."""

    cache: Path
    release: Release

    @property
    def directory(self) -> Path:
        """The finished tree; another recipe has another name."""
        recipe = repr((self.release, platform.machine(), PACKAGES))
        return self.cache / f"ceph-{self.release.number}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"

    def ensure(self, on_progress: Callable[[str], None]) -> None:
        """Make the tree if it is missing; NotOfferedError when the suite has another release now."""
        ensure_tree(
            self.directory, f"the lab's Ceph {self.release.number}", partial(self._build, on_progress=on_progress)
        )

    def _build(self, tree: Path, scratch: Path, on_progress: Callable[[str], None]) -> None:
        release, began = self.release, time.monotonic()
        on_progress(f"Ceph: fetching release {release.number} ({release.suite}) with mmdebstrap, about 90 s, once")
        try:
            bootstrap.install(tree, release.suite, PACKAGES, scratch)
        except RemoteError as error:
            if _NO_SUITE not in error.message:
                raise
            raise NotOfferedError(
                f"this computer's Debian mirror lacks {release.suite}, the suite of Ceph {release.number}",
                "Start the lab with another --release.",
            ) from error
        version = read_version(processes.run(["chroot", str(tree), "ceph-mon", "--version"], timeout=30))
        if int(version.partition(".")[0]) != release.number:
            raise NotOfferedError(
                f"Debian's {release.suite} has Ceph {version} now, not {release.number}",
                "Start the lab with another --release; Coffre is not tested on this one.",
            )
        on_progress(f"Ceph: {version} made ready in {time.monotonic() - began:.0f} s")

    def enter(self, cluster: Path, lab: Path, argv: Sequence[str]) -> tuple[str, ...]:
        """Return the command that becomes ``argv`` in this system, where of this machine only ``lab`` is seen.

        ``cluster`` is a folder of the lab with an empty `TREE` in it.
        """
        shell = ("sh", "-c", _ENTER, "enter", str(self.directory), str(cluster / TREE), str(lab))
        return ("unshare", "--mount", "--propagation", "private", *shell, *argv)
