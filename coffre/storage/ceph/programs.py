"""Programs for machines on RGW: one public bucket per platform, outside every tenant's quota.

The key of a program is its SHA-256, and a machine accepts it only when signed orders name that SHA-256: a writer to
the bucket can withhold a program, but cannot replace it.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import urllib3

from coffre.errors import ExpectedError, RefusedError
from coffre.storage.ceph.api.admin import AdminClient
from coffre.storage.ceph.api.faults import UserAlreadyExistsError
from coffre.storage.driver import AccessKey, Endpoint, Publication
from coffre.storage.s3 import policy
from coffre.storage.s3.client import make_client
from coffre.storage.s3.faults import (
    AccessRefusedError,
    BucketAlreadyExistsError,
    GoneError,
    NotConfiguredError,
    S3Error,
    UnknownKeyError,
    error_of,
    s3_errors,
    unreachable,
)
from coffre.storage.s3.signed_http import CONNECT_SECONDS, READ_SECONDS, new_patience, pool_of, trust

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

USER = BUCKET = "coffre-programs"
PREFIX = "restic/"
READ_SID = "CoffreAnyoneMayRead"

_KEY_MARK = "CP"
_STALE_SECONDS = 3600
_PART_BYTES = 1 << 20


@dataclass(frozen=True)
class PublicObject:
    """An object as seen without a key: its size, and RGW's MD5 of an object written in one piece."""

    size_bytes: int
    etag: str


def object_key(sha256: str) -> str:
    """Return the name of a program in the bucket."""
    return f"{PREFIX}{sha256}"


def wanted_policy() -> policy.PolicyDocument:
    """Return the bucket's policy: everybody may read programs, only the bucket's owner may do more. Pure."""
    statement = {
        "Sid": READ_SID,
        "Effect": "Allow",
        "Principal": "*",
        "Action": ["s3:GetObject"],
        "Resource": [f"arn:aws:s3:::{BUCKET}/{PREFIX}*"],
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def new_key_id(now_seconds: float) -> str:
    """Return the id of a key for one upload; it contains the time of its creation. Pure except for randomness."""
    return f"{_KEY_MARK}{int(now_seconds):010d}{secrets.token_hex(4).upper()}"


def is_stale(access_key_id: str, now_seconds: float) -> bool:
    """Tell whether a key was left by an interrupted upload: older than any upload lasts, or not ours. Pure."""
    minted = access_key_id.removeprefix(_KEY_MARK)[:10]
    if not access_key_id.startswith(_KEY_MARK) or not minted.isdecimal():
        return True
    return abs(now_seconds - int(minted)) > _STALE_SECONDS


@cache
def _local_facts(path: Path, _size_bytes: int, _changed_at: int) -> PublicObject:
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False))
    return PublicObject(_size_bytes, digest.hexdigest())


class CephProgramShelf:
    """The bucket of one platform; safe to use from many threads and by several processes at once."""

    def __init__(self, endpoint: Endpoint, admin: AdminClient) -> None:
        self._endpoint = endpoint
        self._admin = admin
        self._base = endpoint.url.rstrip("/")
        self._pool = pool_of(
            self._base,
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
            retries=new_patience(),
            **({"ssl_context": trust(endpoint)} if self._base.startswith("https:") else {}),
        )

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
        with self._writer() as s3:
            self._ensure_bucket(s3)
            # This needs no conditional write, which RGW lacks: two writers of one key write the same bytes.
            with self._errors(f"publish {path.name} for machines"):
                s3.put_object(Bucket=BUCKET, Key=object_key(sha256), Body=body)
        if self.read_sha256(sha256, len(body)) != sha256:
            raise ExpectedError(
                f"{path.name} was published for machines, but reading it back gave something else",
                f"Check bucket {BUCKET} on {self._base}, then apply again. No machine got new orders.",
            )
        return Publication.PUT if found is None else Publication.REPLACED

    def read_sha256(self, sha256: str, limit_bytes: int) -> str | None:
        """Read a program as a machine does and hash it; None when there is none.

        Of a program beyond the limit only the first part is read, so its hash differs.
        """
        doing = "read a program for machines"
        digest, read_bytes = hashlib.sha256(), 0
        try:
            answer = self._pool.request("GET", _path(sha256), preload_content=False)
            try:
                if answer.status in (403, 404):
                    return None
                if answer.status != 200:
                    raise error_of(doing, f"HTTP {answer.status}", answer.status)
                for part in answer.stream(_PART_BYTES, decode_content=False):
                    digest.update(part)
                    read_bytes += len(part)
                    if read_bytes > limit_bytes:
                        break
            finally:
                # The rest of it is not read.
                answer.close()
        except urllib3.exceptions.HTTPError as error:
            raise unreachable(doing, self._base, str(getattr(error, "reason", None) or error)) from error
        return digest.hexdigest()

    def find(self, sha256: str) -> PublicObject | None:
        """Look a program up as a machine does: without a key; None when there is no readable one."""
        doing = "look for a program for machines"
        try:
            answer = self._pool.request("HEAD", _path(sha256))
        except urllib3.exceptions.HTTPError as error:
            raise unreachable(doing, self._base, str(getattr(error, "reason", None) or error)) from error
        if answer.status in (403, 404):
            return None
        if answer.status != 200:
            raise error_of(doing, f"HTTP {answer.status}", answer.status)
        return PublicObject(int(answer.headers.get("Content-Length", -1)), answer.headers.get("ETag", "").strip('"'))

    @contextmanager
    def _writer(self) -> Iterator[S3Client]:
        """Open the bucket with a new key of its owner for this one upload; also delete keys of interrupted uploads."""
        now = time.time()
        for known in self._ensure_user():
            if is_stale(known, now):
                self._forget(known)
        key = AccessKey(new_key_id(now), secrets.token_urlsafe(30))
        try:
            self._admin.put_key(USER, key)
            s3 = make_client(self._endpoint, key)
            try:
                yield s3
            finally:
                s3.close()
        finally:
            self._forget(key.access_key_id)

    def _ensure_user(self) -> list[str]:
        """Create the bucket's owner if it is missing; returns the ids of its keys."""
        user = self._admin.find_user(USER)
        if user is None:
            try:
                self._admin.create_user(USER, "Coffre: programs for machines", max_buckets=1)
            except UserAlreadyExistsError:
                user = self._admin.find_user(USER)  # Another apply was faster.
        return [] if user is None else [key.access_key_id for key in user.keys]

    def _forget(self, access_key_id: str) -> None:
        try:
            self._admin.delete_key(USER, access_key_id)
        except UnknownKeyError:
            return  # Another apply was faster.

    def _ensure_bucket(self, s3: S3Client) -> None:
        try:
            if not self._has_bucket(s3):
                self._create_bucket(s3)
        except (AccessRefusedError, BucketAlreadyExistsError) as error:
            raise RefusedError(
                f"bucket {BUCKET} belongs to another user, so Coffre cannot publish programs for machines",
                f"Find out who made it: on a platform of Coffre it must belong to user {USER}.",
            ) from error
        wanted = wanted_policy()
        if not policy.is_same(self._read_policy(s3), wanted):
            with self._errors(f"write the policy of bucket {BUCKET}"):
                s3.put_bucket_policy(Bucket=BUCKET, Policy=policy.render(wanted))

    def _has_bucket(self, s3: S3Client) -> bool:
        try:
            with self._errors(f"look for bucket {BUCKET}"):
                s3.head_bucket(Bucket=BUCKET)
        except GoneError:
            return False
        return True

    def _create_bucket(self, s3: S3Client) -> None:
        try:
            with self._errors(f"make bucket {BUCKET}"):
                s3.create_bucket(Bucket=BUCKET)
        except S3Error as error:
            # Another apply was faster: the one bucket that the user may have exists now.
            if error.code != "TooManyBuckets" or not self._has_bucket(s3):
                raise

    def _read_policy(self, s3: S3Client) -> policy.PolicyDocument:
        try:
            with self._errors(f"read the policy of bucket {BUCKET}"):
                return policy.parse(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])
        except NotConfiguredError:
            return {}

    def _errors(self, doing: str) -> Any:
        return s3_errors(doing, self._base)


def _path(sha256: str) -> str:
    """Return the path of a program below the platform's address."""
    return f"/{BUCKET}/{object_key(sha256)}"
