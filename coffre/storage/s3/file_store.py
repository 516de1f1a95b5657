"""A bucket as a store of small files that a team shares.

A write is refused when another one came between: the writer names what it has read (`If-Match`, `If-None-Match`). RGW
before 20 does not keep to that in a bucket with versions: it refuses every `If-Match` and ignores `If-None-Match`
(measured on 18.2.7). There the lock between computers holds alone, and a look before the write.
"""

from __future__ import annotations

from collections.abc import Hashable
from contextlib import AbstractContextManager, closing
from typing import TYPE_CHECKING, Any

from coffre.errors import BusyError, RemoteError
from coffre.storage.s3.answers import VERSION_MARKERS, walk_pages
from coffre.storage.s3.client import make_client
from coffre.storage.s3.faults import NoSuchKeyError, S3Error, s3_errors
from coffre.storage.values import AccessKey, Endpoint

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

FILE_BYTES = 64 * 1024**2
"""The maximum size of a file: a state of a few megabytes is large."""
_CHANGED_MEANWHILE = (409, 412)


class BucketStore:
    """The files below a prefix of a bucket."""

    def __init__(self, endpoint: Endpoint, key: AccessKey, bucket: str, prefix: str = "") -> None:
        self.endpoint = endpoint
        self.bucket = bucket
        self._prefix = prefix
        self._key = key
        self._made: S3Client | None = None
        self._read_etags: dict[str, str | None] = {}

    def shown(self, name: str = "") -> str:
        return f"s3://{self.bucket}/{self._prefix}{name}".rstrip("/")

    def exists(self) -> bool:
        try:
            with self._errors("look for"):
                self._s3.head_bucket(Bucket=self.bucket)
        except S3Error as refusal:
            if refusal.http_status == 404:
                return False
            raise
        return True

    def find_medium(self) -> Hashable:
        return self.endpoint.url.lower()

    def list_names(self, prefix: str = "") -> list[str]:
        whole, found = f"{self._prefix}{prefix}", []
        with self._errors("list"):
            pages: Any = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=whole)
            for page in walk_pages(pages, f"list {self.bucket}", "NextContinuationToken"):
                found += [str(each["Key"]).removeprefix(self._prefix) for each in page.get("Contents", [])]
        return sorted(found)

    def read(self, name: str) -> bytes | None:
        try:
            with self._errors("read", name):
                answer = self._s3.get_object(Bucket=self.bucket, Key=f"{self._prefix}{name}")
                with closing(answer["Body"]) as body:
                    content: bytes = body.read(FILE_BYTES + 1)
        except NoSuchKeyError:
            self._read_etags[name] = None
            return None
        if len(content) > FILE_BYTES:
            raise RemoteError(f"{self.shown(name)} is larger than any file of Coffre", "Find out who wrote it.")
        self._read_etags[name] = answer["ETag"]
        return content

    def write(self, name: str, content: bytes) -> None:
        try:
            self._put(name, content, self._condition(name))
        except S3Error as refusal:
            if refusal.http_status not in _CHANGED_MEANWHILE:
                raise
            if self._find_etag(name) != self._read_etags[name]:
                raise BusyError(
                    f"{self.shown(name)} was written by another command meanwhile",
                    "Nothing was written over it: run the same command again.",
                ) from refusal
            self._put(name, content, {})

    def delete(self, name: str) -> None:
        key = f"{self._prefix}{name}"
        with self._errors("delete", name):
            for version in self._list_versions(key):
                self._s3.delete_object(Bucket=self.bucket, Key=key, VersionId=version)
        self._read_etags.pop(name, None)

    def find_stamp(self, name: str) -> Hashable | None:
        found = self._head(name)
        return None if found is None else (found["ETag"], found["LastModified"])

    def _put(self, name: str, content: bytes, condition: dict[str, Any]) -> None:
        with self._errors("write", name):
            key = f"{self._prefix}{name}"
            done = self._s3.put_object(Bucket=self.bucket, Key=key, Body=content, **condition)
        self._read_etags[name] = done["ETag"]

    def _find_etag(self, name: str) -> str | None:
        found = self._head(name)
        return None if found is None else str(found["ETag"])

    def _head(self, name: str) -> Any:
        try:
            with self._errors("look for", name):
                return self._s3.head_object(Bucket=self.bucket, Key=f"{self._prefix}{name}")
        except NoSuchKeyError:
            return None

    def _list_versions(self, key: str) -> list[str]:
        found = []
        pages: Any = self._s3.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=key)
        for page in walk_pages(pages, f"list {self.bucket}", *VERSION_MARKERS):
            for each in (*page.get("Versions", []), *page.get("DeleteMarkers", [])):
                if each["Key"] == key:
                    found.append(str(each["VersionId"]))
        return found

    def _condition(self, name: str) -> dict[str, Any]:
        """Return the condition that the object is still what was read; none for one that was never read."""
        if name not in self._read_etags:
            return {}
        etag = self._read_etags[name]
        return {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag}

    @property
    def _s3(self) -> S3Client:
        if self._made is None:
            self._made = make_client(self.endpoint, self._key)
        return self._made

    def _errors(self, verb: str, name: str = "") -> AbstractContextManager[None]:
        return s3_errors(f"{verb} {self.shown(name)}", self.endpoint.url)
