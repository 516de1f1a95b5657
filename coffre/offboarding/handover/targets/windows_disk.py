"""A disk formatted for Windows (exFAT, NTFS, FAT) as the target of a return of files.

It accepts no links and not every name, and does not distinguish "A" and "a": restic cannot restore directly there.
"""

import errno
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from coffre.errors import RefusedError
from coffre.offboarding.handover.bag.bag import sync
from coffre.offboarding.handover.job import Job, TargetLimits
from coffre.offboarding.handover.settling import forget_cached, read_lines, set_time
from coffre.offboarding.handover.targets.carried import BagDestination, CarriedTarget
from coffre.offboarding.handover.targets.rclone import Rclone
from coffre.offboarding.handover.targets.room import existing
from coffre.outside.beneath import Beneath


def is_windows_disk(folder: Path) -> bool:
    """Tell whether a folder's disk cannot store a machine's files unchanged. Leaves nothing there.

    restic would fail at each link there, and overwrite a file with another one that differs only in case.
    """
    with tempfile.TemporaryDirectory(prefix=".coffre-", dir=existing(folder)) as place:
        base = os.fsencode(place)
        try:
            os.symlink(b"nowhere", os.path.join(base, b"link"))
            for name in (b"a", b"A", b"caf\xe9:*?\n"):
                os.close(os.open(os.path.join(base, name), os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            os.link(os.path.join(base, b"a"), os.path.join(base, b"b"))
        except OSError as error:
            return error.errno != errno.ENOSPC  # the check for room reports a full disk
    return False


FAT_LARGEST_BYTES = 2**32 - 1
"""The limit of a file on a FAT disk: its size has 32 bits."""


def largest_file_bytes(folder: Path, mounts: str) -> int:
    """Return the maximum size of a file on a folder's disk; ``mounts`` is the kernel's mountinfo. Pure."""
    best, kind = "", ""
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        place = before.split(" ")[4].encode().decode("unicode_escape") if before.count(" ") >= 4 else ""
        if place and Path(place) in (folder, *folder.parents) and len(place) >= len(best):
            best, kind = place, after.split(" ")[0]
    return FAT_LARGEST_BYTES if kind in ("vfat", "msdos") else TargetLimits().largest_bytes


class WindowsDisk(CarriedTarget):
    """The place of one machine's bag on such a disk."""

    def __init__(self, machine: str, folder: Path) -> None:
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
        largest_bytes = largest_file_bytes(folder.resolve(), mounts)
        limits = TargetLimits(is_windows=True, disk=folder, largest_bytes=largest_bytes)
        super().__init__(machine, BagDestination(str(folder), str(folder), "the disk", limits), Rclone([], None))
        self._folder = folder

    def refuse_foreign(self, job: Job) -> None:
        """Refuse a folder with anything else than the same unfinished return."""
        if not self._folder.exists():
            return
        with Beneath(self._folder) as below:
            if any(not stat.S_ISDIR(facts.st_mode) and not stat.S_ISREG(facts.st_mode) for _, facts in below.walk()):
                # NTFS has links, and rclone follows those of its target.
                raise RefusedError(f"{self.shown} contains links, which a return never writes", "Name another target.")
        super().refuse_foreign(job)

    def upload(self, job: Job, total_bytes: int) -> None:
        """Copy a bag there, without the summary, with the times of its folders."""
        self._folder.mkdir(parents=True, exist_ok=True)
        super().upload(job, total_bytes)
        with Beneath(self._folder) as below:
            for fields in read_lines(job.bag):
                if fields["type"] == "dir":
                    with suppress(OSError):  # the disk does not accept every time; the tag file of entries has them all
                        set_time(below, fields)

    def find_changed(self, job: Job, bag: Path, total_bytes: int) -> list[str]:
        """Read every file back from the disk itself; returns the paths that differ from the manifests."""
        sync(self._folder)
        forget_cached(self._folder)
        return super().find_changed(job, bag, total_bytes)

    def complete(self, job: Job) -> None:
        """Mark the bag there as complete, once everything else is on the disk."""
        super().complete(job)
        sync(self._folder)
