"""The Ceph releases that a lab can have: Debian's own packages of one suite each, in a tree of the tools cache.

Nothing of them is installed on this machine. Daemons and tools run in mount name spaces of their own, where the tree is
the system and the lab's directory lies at its own path; the mounts end with the process.
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
"""The folder of a cluster on which its release's system is mounted, seen by its own processes alone."""

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
"""What apt says of a suite that a mirror does not have; one that cannot be reached is another matter."""


class NotOfferedError(ExpectedError):
    """A release of Ceph cannot be had: its suite has another one by now, or the mirror has no such suite."""


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
"""In the order of their age. Ceph lets a cluster go on by two numbers at most at a time."""
DEFAULT_RELEASE = 18


def find_release(number: int) -> Release:
    """Return a release by its number; UsageError for one that labs cannot have."""
    if number not in RELEASES:
        raise UsageError(f"the lab has no Ceph {number}", f"its releases: {', '.join(map(str, RELEASES))}")
    return RELEASES[number]


def list_steps(running: int, wanted: int) -> list[Release]:
    """Return the releases by which a cluster goes from one to a newer one, the last one included."""
    return [release for number, release in RELEASES.items() if running < number <= wanted]


def list_releases(directory: Path, running: int, wanted: Release | None, *, may_upgrade: bool) -> list[Release]:
    """Return the releases that `up` starts one after the other: the lab's own, then those of an upgrade. Pure.

    RefusedError when the wanted one is older than the lab of ``directory``, or newer and it may not become that.
    """
    own = find_release(running)
    if wanted is not None and wanted.number < running:
        raise RefusedError(
            f"the lab in {directory} is one of Ceph {running}, and its stores are no {wanted.number}'s",
            f"Start it with --release {running}, or erase it: `coffre lab down --erase`.",
        )
    if wanted is not None and wanted.number > running and not may_upgrade:
        raise RefusedError(
            f"the lab in {directory} is one of Ceph {running}",
            f"Have it become one of {wanted.number}, which cannot be taken back: "
            f"`coffre lab up --release {wanted.number} --upgrade`.",
        )
    return [own, *list_steps(running, (wanted or own).number)]


def read_version(printed: str) -> str:
    """Return the version in what ``ceph-mon --version`` prints, as 18.2.7."""
    found = re.search(r"ceph version (\d+(?:\.\d+)*)", printed)
    if found is None:
        raise ExpectedError(f"ceph-mon says no version but: {printed.strip()[:200]}", "remove its tree from the cache")
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
        """Have the tree, made first if need be; NotOfferedError when the suite has another release by now."""
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
                f"this computer's Debian mirror has no {release.suite}, whose Ceph {release.number} is wanted",
                "Start the lab with another --release.",
            ) from error
        version = read_version(processes.run(["chroot", str(tree), "ceph-mon", "--version"], timeout=30))
        if int(version.partition(".")[0]) != release.number:
            raise NotOfferedError(
                f"Debian's {release.suite} has Ceph {version} now, and no {release.number}",
                "Start the lab with another --release; Coffre is not tested on this one.",
            )
        on_progress(f"Ceph: {version} made ready in {time.monotonic() - began:.0f} s")

    def enter(self, cluster: Path, lab: Path, argv: Sequence[str]) -> tuple[str, ...]:
        """Return the command that becomes ``argv`` in this system, where of this machine only ``lab`` is seen.

        ``cluster`` is a folder of the lab with an empty `TREE` in it.
        """
        shell = ("sh", "-c", _ENTER, "enter", str(self.directory), str(cluster / TREE), str(lab))
        return ("unshare", "--mount", "--propagation", "private", *shell, *argv)
