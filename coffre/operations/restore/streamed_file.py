"""Writes one file of a snapshot to another place, when a disk refuses it in its own place."""

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

from coffre.agents.repository import Node, Repository
from coffre.outside.beneath import Beneath

NEVER_RESTORED = ("socket", "irregular")
"""Types that restic lists and does not create again: none of them has data."""
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class NotTakenError(Exception):
    """The disk refuses the file there too; says why. Nothing of it is left."""


def is_as_listed(node: Node, facts: os.stat_result | None) -> bool:
    """Tell whether what is on the disk may be an entry of restic's list. Pure."""
    if facts is None:
        return node.type in NEVER_RESTORED
    return node.type != "file" or (stat.S_ISREG(facts.st_mode) and facts.st_size == node.size_bytes)


def write_file(repository: Repository, snapshot: str, path: bytes, below: Beneath, place: bytes) -> None:
    """Write the file that a snapshot has at ``path`` to ``place``, in a new folder if needed, and read it back.

    The result of an earlier attempt is replaced. OSError when there is no room, NotTakenError for every other error of
    the disk; RepositoryError when the repository does not give the file.
    """
    with _told(below, place):
        folder = place.rpartition(b"/")[0]
        if below.find(folder) is None:
            below.make_folder(folder)
        with suppress(FileNotFoundError):
            below.unlink(place)
        digest, written_bytes = hashlib.sha256(), 0
        with os.fdopen(below.create(place), "wb") as file, closing(repository.dump(snapshot, path)) as blocks:
            for block in blocks:
                digest.update(block)
                written_bytes += file.write(block)
            file.flush()
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        if below.hash_file(place) != (digest.hexdigest(), written_bytes):
            raise OSError(errno.EIO, "the data read back differs from the data written")


@contextmanager
def _told(below: Beneath, place: bytes) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        with suppress(OSError):
            below.unlink(place)
        if problem.errno in _NO_ROOM:
            raise
        raise NotTakenError(problem.strerror or str(problem)) from problem
