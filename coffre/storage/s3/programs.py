"""Publishes programs for machines in one bucket of a platform: each by its SHA-256, read back before it counts.

The key of a program is its SHA-256, and a machine accepts it only when signed orders name that SHA-256: a writer to
the bucket can withhold a program, but cannot replace it.
"""

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from coffre.errors import ExpectedError
from coffre.storage.values import Publication

PREFIX = "restic/"


@dataclass(frozen=True)
class PublishedObject:
    """An object as its platform states it: its size, and the MD5 of an object written in one piece."""

    size_bytes: int
    etag: str


def object_key(sha256: str) -> str:
    """Return the name of a program in the bucket."""
    return f"{PREFIX}{sha256}"


@cache
def _local_facts(path: Path, _size_bytes: int, _changed_at: int) -> PublishedObject:
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False))
    return PublishedObject(_size_bytes, digest.hexdigest())


class S3ProgramShelf(ABC):
    """The bucket of one platform; a kind of platform says how it is read and written."""

    def __init__(self, bucket: str) -> None:
        self.bucket = bucket

    @abstractmethod
    def find(self, sha256: str) -> PublishedObject | None:
        """Look a program up; None when there is no readable one."""

    @abstractmethod
    def read_sha256(self, sha256: str, limit_bytes: int) -> str | None:
        """Read a program and hash it; None when there is none. Of one beyond the limit only the first part is read."""

    @abstractmethod
    def put(self, key: str, body: bytes, doing: str) -> None:
        """Write an object, and create or repair the bucket before."""

    def publish(self, path: Path, sha256: str, *, proves: bool = False) -> Publication:
        """Publish a program for machines. May run twice, also in parallel.

        One request is enough when size and MD5 match, as the platform states them. With ``proves``, or when they
        differ, the program is read and hashed as a machine does. ExpectedError when it is not there afterwards.
        """
        wanted = _local_facts(path, path.stat().st_size, path.stat().st_mtime_ns)
        found = self.find(sha256)
        if found == wanted and not proves:
            return Publication.THERE
        if found is not None and self.read_sha256(sha256, wanted.size_bytes) == sha256:
            return Publication.THERE
        body = path.read_bytes()
        if hashlib.sha256(body).hexdigest() != sha256:
            raise ExpectedError(
                f"{path} is not the expected program: its SHA-256 is not {sha256}",
                "Another process is replacing it, or it is damaged: build it again with `make setup`.",
            )
        self.put(object_key(sha256), body, f"publish {path.name} for machines")
        if self.read_sha256(sha256, len(body)) != sha256:
            raise ExpectedError(
                f"{path.name} was published for machines, but reading it back gave something else",
                f"Check bucket {self.bucket} of the platform, then apply again. No machine got new orders.",
            )
        return Publication.PUT if found is None else Publication.REPLACED
