"""Batches of an erasure: a key's versions stay together, and what a platform refuses is never counted as deleted."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from coffre.offboarding.erase.batches import Batch, Sweep, cut_batches, erase_batch
from coffre.offboarding.erase.counting import Tally
from coffre.offboarding.lifecycle.evidence import BucketCount
from coffre.storage.values import ObjectLock, ObjectVersion, RefusedDelete, Upload

NOW = datetime(2026, 11, 25, tzinfo=UTC)


def version(key: str, number: int = 0, **more) -> ObjectVersion:
    return ObjectVersion(key, f"v{number}", NOW, number == 0, **more)


@given(st.lists(st.integers(1, 30), max_size=40), st.integers(1, 9), st.integers(9, 12))
def test_batches_are_the_listing_and_only_a_key_too_long_for_one_call_is_cut(lengths, size, limit):
    listed = [version(f"k{place:03}", number) for place, length in enumerate(lengths) for number in range(length)]
    batches = list(cut_batches(iter(listed), size, limit))
    assert [each for batch in batches for each in batch] == listed
    assert all(0 < len(batch) <= limit for batch in batches)
    for before, after in itertools.pairwise(batches):
        if before[-1].key == after[0].key:
            assert len(before) == limit


@dataclass
class Platform:
    """A bucket that refuses some keys, and has locks on some."""

    name: str = "bucket"
    refused: dict[str, str] = field(default_factory=dict)
    locks: dict[str, ObjectLock] = field(default_factory=dict)
    aborted: list[Upload] = field(default_factory=list)

    def delete_versions(self, versions: Sequence[ObjectVersion]) -> list[RefusedDelete]:
        return [RefusedDelete(each, self.refused[each.key]) for each in versions if each.key in self.refused]

    def find_lock(self, version: ObjectVersion) -> ObjectLock | None:
        return self.locks.get(version.key)

    def upload_bytes(self, upload: Upload) -> int:
        return len(upload.key)

    def abort_upload(self, upload: Upload) -> None:
        self.aborted.append(upload)

    def find_tenant_id(self) -> str | None:
        raise NotImplementedError

    def walk_versions(self) -> Iterator[ObjectVersion]:
        raise NotImplementedError

    def walk_uploads(self) -> Iterator[Upload]:
        raise NotImplementedError

    def delete_bucket(self) -> None:
        raise NotImplementedError


def test_confirmed_locked_held_and_unexplained_are_kept_apart():
    later = NOW.replace(year=2027)
    platform = Platform(
        refused=dict.fromkeys(("lock1", "lock2", "held", "denied"), "AccessDenied"),
        locks={"lock1": ObjectLock(later), "lock2": ObjectLock(NOW), "held": ObjectLock(None)},
    )
    keys = ("free", "lock1", "lock2", "held", "denied")
    outcome = erase_batch(platform, Batch(versions=[version(key, size_bytes=5) for key in keys]))
    sweep, confirmed = Sweep(), Tally()
    sweep.add(outcome, confirmed)
    assert confirmed.result() == BucketCount(objects=1, bytes=5)
    assert sweep.left.result() == BucketCount(objects=4, bytes=20)
    assert sweep.locked is not None
    assert (sweep.locked.versions, sweep.locked.until) == (2, later)
    assert (sweep.on_hold, sweep.unexplained, sweep.codes) == (1, 1, {"AccessDenied"})
    assert (sweep.has_deleted, sweep.is_empty) == (True, False)


def test_uploads_are_counted_with_what_their_parts_took():
    platform, uploads = Platform(), [Upload("abc", "1"), Upload("de", "2")]
    sweep, confirmed = Sweep(), Tally()
    sweep.add(erase_batch(platform, Batch(uploads=uploads)), confirmed)
    assert platform.aborted == uploads
    assert confirmed.result() == BucketCount(uploads=2, bytes=5)
    assert Sweep().is_empty
