"""The batches of an erasure, and their results."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from coffre.offboarding.erase.counting import Tally
from coffre.offboarding.lifecycle.evidence import Locked
from coffre.storage.driver import BucketEraser
from coffre.storage.values import ObjectLock, ObjectVersion, RefusedDelete, Upload


@dataclass(frozen=True)
class Batch:
    """The versions and markers of one deletion call."""

    versions: Sequence[ObjectVersion] = ()
    uploads: Sequence[Upload] = ()

    @property
    def first_key(self) -> str | None:
        return self.versions[0].key if self.versions else None

    @property
    def last_key(self) -> str | None:
        return self.versions[-1].key if self.versions else None


@dataclass(frozen=True)
class BatchOutcome:
    """The result of a batch: confirmed deletions, refusals, and the locks that explain them."""

    deleted: Sequence[ObjectVersion] = ()
    upload_bytes: Sequence[int] = ()
    refused: Sequence[tuple[RefusedDelete, ObjectLock | None]] = ()


@dataclass
class Sweep:
    """The result of everything in one listing."""

    left: Tally = field(default_factory=Tally)
    has_deleted: bool = False
    locked: Locked | None = None
    on_hold: int = 0
    unexplained: int = 0
    codes: set[str] = field(default_factory=set)

    @property
    def is_empty(self) -> bool:
        return not self.has_deleted and self.left.entries == 0

    def add(self, outcome: BatchOutcome, confirmed: Tally) -> None:
        """Add an outcome; confirmed deletions go into ``confirmed``."""
        for version in outcome.deleted:
            confirmed.add(version)
        for parts_bytes in outcome.upload_bytes:
            confirmed.add_upload(parts_bytes)
        self.has_deleted = self.has_deleted or bool(outcome.deleted or outcome.upload_bytes)
        for refused, lock in outcome.refused:
            self.left.add(refused.version)
            if lock is None:
                self.unexplained += 1
                self.codes.add(refused.code)
            elif lock.until is None:
                self.on_hold += 1
            else:
                self.locked = _joined(self.locked, lock.until)


def cut_batches(versions: Iterator[ObjectVersion], size: int, limit: int) -> Iterator[list[ObjectVersion]]:
    """Cut a listing into batches of about ``size``, between two keys wherever ``limit`` entries allow it.

    Many parallel deletions of one key can block RGW, so a key's versions stay in one batch. A key with more than
    ``limit`` versions continues in following batches, each beginning with the last key of the one before.
    """
    batch: list[ObjectVersion] = []
    for version in versions:
        is_full = len(batch) >= limit or (len(batch) >= size and version.key != batch[-1].key)
        if is_full:
            yield batch
            batch = []
        batch.append(version)
    if batch:
        yield batch


def erase_batch(bucket: BucketEraser, batch: Batch) -> BatchOutcome:
    """Delete a batch, and look up the lock of each refused version."""
    parts = [bucket.upload_bytes(upload) for upload in batch.uploads]
    for upload in batch.uploads:
        bucket.abort_upload(upload)
    refused = bucket.delete_versions(batch.versions) if batch.versions else []
    kept = {(each.version.key, each.version.version_id) for each in refused}
    return BatchOutcome(
        deleted=[each for each in batch.versions if (each.key, each.version_id) not in kept],
        upload_bytes=parts,
        refused=[(each, bucket.find_lock(each.version)) for each in refused],
    )


def _joined(known: Locked | None, until: datetime) -> Locked:
    return Locked(1, until) if known is None else Locked(known.versions + 1, max(known.until, until))
