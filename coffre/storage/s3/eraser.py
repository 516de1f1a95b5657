"""Empties a bucket on an S3 platform for ever, with its owner's key; implements the driver's BucketEraser.

No call here sends `x-amz-bypass-governance-retention`: locked versions stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from coffre.storage.s3 import contents
from coffre.storage.s3.answers import Progress, count, walk_pages
from coffre.storage.s3.faults import (
    AccessRefusedError,
    GoneError,
    NoSuchBucketError,
    NoSuchUploadError,
    NotConfiguredError,
    S3Error,
    s3_errors,
)
from coffre.storage.s3.signed_http import Parameters, SignedHttp
from coffre.storage.values import TENANT_ID_TAG, AccessKey, Endpoint, ObjectLock, ObjectVersion, RefusedDelete, Upload

if TYPE_CHECKING:
    from botocore.credentials import Credentials
    from types_boto3_s3 import S3Client

DELETE_SECONDS = 240.0
"""The maximum duration of one DeleteObjects: RGW deletes its keys one by one, and has other load as well."""


class S3BucketEraser:
    """Uses a small client for listings and bulk deletion, botocore for rare calls; safe to use from many threads."""

    def __init__(self, name: str, endpoint: Endpoint, key: AccessKey | Credentials, client: S3Client) -> None:
        self.name = name
        self._http = SignedHttp(endpoint, key, DELETE_SECONDS)
        self._s3 = client
        self._path = f"/{quote(name, safe='')}"

    def find_tenant_id(self) -> str | None:
        try:
            with self._errors("read the tags"):
                tags = self._s3.get_bucket_tagging(Bucket=self.name)["TagSet"]
        except NotConfiguredError:
            return None
        return next((tag["Value"] for tag in tags if tag["Key"] == TENANT_ID_TAG), None)

    def walk_versions(self) -> Iterator[ObjectVersion]:
        last: ObjectVersion | None = None
        progress = Progress(f"list the versions of bucket {self.name}")
        while True:
            markers = {} if last is None else {"key-marker": last.key, "version-id-marker": last.version_id}
            doing = f"list the versions of bucket {self.name}"
            query: Parameters = {"versions": "", "encoding-type": "url", "max-keys": 1000, **markers}
            page = contents.read_versions(self._http.call_s3(doing, "GET", self._path, query))
            # The last entry of a page is yielded only after the next page was fetched: RGW continues after it, and
            # skips the rest of its key when it was deleted meanwhile.
            if last is not None:
                yield last
            if not page.is_truncated:
                yield from page.versions
                return
            self._refuse_standstill(doing, page.versions, last)
            progress.go_on(page.versions[-1].key, page.versions[-1].version_id)
            yield from page.versions[:-1]
            last = page.versions[-1]

    def walk_uploads(self) -> Iterator[Upload]:
        last: Upload | None = None
        progress = Progress(f"list the uploads of bucket {self.name}")
        while True:
            markers = {} if last is None else {"key-marker": last.key, "upload-id-marker": last.upload_id}
            doing = f"list the uploads of bucket {self.name}"
            query: Parameters = {"uploads": "", "encoding-type": "url", "max-uploads": 1000, **markers}
            page = contents.read_uploads(self._http.call_s3(doing, "GET", self._path, query))
            yield from page.uploads
            if not page.is_truncated:
                return
            self._refuse_standstill(doing, page.uploads, last)
            progress.go_on(page.uploads[-1].key, page.uploads[-1].upload_id)
            last = page.uploads[-1]

    def upload_bytes(self, upload: Upload) -> int:
        try:
            with self._errors("list the parts of an unfinished upload"):
                listed: Any = self._s3.get_paginator("list_parts").paginate(
                    Bucket=self.name, Key=upload.key, UploadId=upload.upload_id
                )
                pages = walk_pages(listed, "list the parts of an unfinished upload", "NextPartNumberMarker")
                return sum(count(part["Size"]) for page in pages for part in page.get("Parts", []))
        except NoSuchUploadError:
            return 0

    def delete_versions(self, versions: Sequence[ObjectVersion]) -> list[RefusedDelete]:
        bulk = [each for each in versions if contents.is_writable_in_xml(each.key)]
        refused = [each for version in versions if (each := self._delete_odd(version)) is not None]
        if bulk:
            doing = f"delete {len(bulk)} versions of bucket {self.name}"
            body = contents.write_delete(bulk)
            refused += contents.read_refused(self._http.call_s3(doing, "POST", self._path, {"delete": ""}, body), bulk)
        return refused

    def abort_upload(self, upload: Upload) -> None:
        try:
            with self._errors("abort an unfinished upload"):
                self._s3.abort_multipart_upload(Bucket=self.name, Key=upload.key, UploadId=upload.upload_id)
        except NoSuchUploadError:
            return

    def find_lock(self, version: ObjectVersion) -> ObjectLock | None:
        if not self._has_locks:
            return None
        where: Any = {"Bucket": self.name, "Key": version.key, "VersionId": version.version_id}
        with suppress(GoneError), self._errors("read the legal hold of a version"):
            if self._s3.get_object_legal_hold(**where)["LegalHold"].get("Status") == "ON":
                return ObjectLock(None)
        with suppress(GoneError), self._errors("read the retention of a version"):
            until = self._s3.get_object_retention(**where)["Retention"].get("RetainUntilDate")
            return None if until is None else ObjectLock(until.astimezone(UTC))
        return None

    def delete_bucket(self) -> None:
        try:
            with self._errors("delete the empty whole"):
                self._s3.delete_bucket(Bucket=self.name)
        except NoSuchBucketError:
            return

    @cached_property
    def _has_locks(self) -> bool:
        """Whether the bucket has S3 Object Lock: Coffre never sets it, but from Ceph 20 on its owner can add it."""
        try:
            with self._errors("read the object lock"):
                self._s3.get_object_lock_configuration(Bucket=self.name)
        except NotConfiguredError:
            return False
        return True

    def _delete_odd(self, version: ObjectVersion) -> RefusedDelete | None:
        """Delete a version whose key XML cannot contain; None when it is gone, or when XML can contain its key."""
        if contents.is_writable_in_xml(version.key):
            return None
        try:
            with self._errors("delete one version"):
                self._s3.delete_object(Bucket=self.name, Key=version.key, VersionId=version.version_id)
        except AccessRefusedError as refusal:
            return RefusedDelete(version, refusal.code)
        return None

    def _refuse_standstill(self, doing: str, page: Sequence[object], last: object) -> None:
        """Refuse a listing that announces more and makes no progress: the hidden rest would count as erased."""
        if not page or page[-1] == last:
            raise S3Error(doing, "NoProgress", 200, "it announces more entries and does not send them")

    def _errors(self, doing: str) -> Any:
        return s3_errors(f"{doing} of bucket {self.name}", self._s3.meta.endpoint_url)
