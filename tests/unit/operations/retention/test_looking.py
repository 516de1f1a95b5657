"""When a snapshot arrived: storage's oldest version of it, or the records where only a later copy is left."""

from datetime import UTC, datetime, timedelta

from coffre.agents.repository import Snapshot, SnapshotList
from coffre.agents.restic.repository.layout import ResticLayout
from coffre.operations.retention.looking import list_arrivals, list_candidates
from coffre.records.memory import KnownSnapshot, Memory
from tests.builders import tenant_with
from tests.doubles.buckets import InMemoryEstate

LAYOUT = ResticLayout()
NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
DAY, MINUTES = timedelta(days=1), timedelta(minutes=2)
ID = "a" * 64


def candidate(stored_at: datetime, taken_at: datetime, seen_at: datetime | None = None) -> datetime:
    known = {} if seen_at is None else {ID: KnownSnapshot(ID, seen_at)}
    listed = SnapshotList((Snapshot(ID, taken_at, "compta-01", ("/home",), (), MINUTES),))
    [found] = list_candidates(listed, {ID: stored_at}, Memory(snapshots=known))
    return found.arrived_at


def test_storages_word_counts_where_it_fits_the_snapshot() -> None:
    assert candidate(NOW, NOW - MINUTES) == NOW
    assert candidate(NOW, NOW - MINUTES, NOW - timedelta(hours=2)) == NOW, "the clock here is wrong"


def test_a_copy_of_an_old_snapshot_is_as_old_as_the_records_say() -> None:
    seen_at = NOW - 40 * DAY + MINUTES
    assert candidate(NOW, NOW - 40 * DAY, seen_at) == seen_at


def test_a_snapshot_that_nobody_saw_before_stays_as_young_as_its_object() -> None:
    assert candidate(NOW, NOW - 40 * DAY) == NOW
    assert candidate(NOW, NOW - 40 * DAY, NOW + MINUTES) == NOW


def test_the_oldest_version_of_a_key_tells_when_it_came() -> None:
    bucket = InMemoryEstate.of_all(tenant_with()).bucket("compta-01")
    key = f"restic/snapshots/{ID}"
    bucket.put(key, b"s")
    [first] = bucket.list_versions(key)
    bucket.hide(key)
    bucket.restore_version(key, first.version_id)
    bucket.put("restic/snapshots/no-id", b"x")
    assert list_arrivals(bucket, LAYOUT) == {ID: first.modified_at}
