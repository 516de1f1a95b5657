"""One file of a snapshot written beside where it belongs, when a disk does not take it in its own place."""

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

from coffre.agents.repository import Node, Repository
from coffre.outside.beneath import Beneath

NEVER_RESTORED = ("socket", "irregular")
"""What restic notes and does not make again: nothing of them is data."""
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class NotTakenError(Exception):
    """The disk does not take the file there either; says why. Nothing of it is left."""


def is_as_listed(node: Node, facts: os.stat_result | None) -> bool:
    """Tell whether what lies there may be an entry of restic's list. Pure."""
    if facts is None:
        return node.type in NEVER_RESTORED
    return node.type != "file" or (stat.S_ISREG(facts.st_mode) and facts.st_size == node.size_bytes)


def write_file(repository: Repository, snapshot: str, path: bytes, below: Beneath, place: bytes) -> None:
    """Write the file that a snapshot has at ``path`` to ``place``, whose folder is made, and read it back.

    What an earlier try left there is replaced. OSError when there is no room, NotTakenError for anything else that the
    disk says; RepositoryError when the repository does not give it.
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
            raise OSError(errno.EIO, "it does not come back as it was written")


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
