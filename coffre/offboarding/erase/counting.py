"""Counts the content of a bucket with a listing in constant memory."""

from dataclasses import dataclass

from coffre.offboarding.lifecycle.evidence import BucketCount
from coffre.storage.driver import BucketEraser, Storage
from coffre.storage.values import ObjectVersion
from coffre.tenant.estate.buckets import TenantBuckets


@dataclass
class Tally:
    """A count in progress; bytes are those of every version and of the parts of unfinished uploads."""

    objects: int = 0
    versions: int = 0
    markers: int = 0
    uploads: int = 0
    bytes: int = 0

    @property
    def entries(self) -> int:
        return self.objects + self.versions + self.markers + self.uploads

    def add(self, version: ObjectVersion) -> None:
        if version.is_marker:
            self.markers += 1
        elif version.is_latest:
            self.objects += 1
        else:
            self.versions += 1
        self.bytes += version.size_bytes

    def add_upload(self, parts_bytes: int) -> None:
        self.uploads += 1
        self.bytes += parts_bytes

    def result(self) -> BucketCount:
        return BucketCount(self.objects, self.versions, self.markers, self.uploads, self.bytes)


def count_bucket(storage: Storage, buckets: TenantBuckets, machine: str) -> BucketCount:
    """Count the content of a machine's bucket, with the owner's key. Read-only; BucketGoneError without a bucket."""
    return count_contents(storage.open_eraser(buckets.name(machine), buckets.owner_key()))


def count_contents(bucket: BucketEraser) -> BucketCount:
    """Count the content of an opened bucket: every version, delete marker and unfinished upload."""
    tally = Tally()
    for version in bucket.walk_versions():
        tally.add(version)
    for upload in bucket.walk_uploads():
        tally.add_upload(bucket.upload_bytes(upload))
    return tally.result()
