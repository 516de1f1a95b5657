"""Programs for machines on RGW: one public bucket per platform, outside every tenant's quota."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import urllib3

from coffre.errors import RefusedError
from coffre.outside.web import pool_of
from coffre.storage.ceph.api.admin import AdminClient
from coffre.storage.ceph.api.faults import UserAlreadyExistsError
from coffre.storage.s3 import policy
from coffre.storage.s3.bucket import read_policy
from coffre.storage.s3.client import make_client
from coffre.storage.s3.faults import (
    AccessRefusedError,
    BucketAlreadyExistsError,
    GoneError,
    S3Error,
    UnknownKeyError,
    error_of,
    s3_errors,
    unreachable,
)
from coffre.storage.s3.programs import PREFIX, PublishedObject, S3ProgramShelf, object_key
from coffre.storage.s3.signed_http import CONNECT_SECONDS, READ_SECONDS, new_patience, trust
from coffre.storage.values import PROGRAMS_BUCKET, AccessKey, Endpoint

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

USER = BUCKET = PROGRAMS_BUCKET
READ_SID = "CoffreAnyoneMayRead"

_KEY_MARK = "CP"
_STALE_SECONDS = 3600
_PART_BYTES = 1 << 20


def wanted_policy() -> policy.PolicyDocument:
    """Return the bucket's policy: everybody may read programs, only the bucket's owner may do more. Pure."""
    anyone = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": ["s3:GetObject"],
        "Resource": [f"arn:aws:s3:::{BUCKET}/{PREFIX}*"],
    }
    return policy.document({READ_SID: anyone})


def new_key_id(now_seconds: float) -> str:
    """Return the id of a key for one upload; it contains the time of its creation. Pure except for randomness."""
    return f"{_KEY_MARK}{int(now_seconds):010d}{secrets.token_hex(4).upper()}"


def is_stale(access_key_id: str, now_seconds: float) -> bool:
    """Tell whether a key was left by an interrupted upload: older than any upload lasts, or not ours. Pure."""
    minted = access_key_id.removeprefix(_KEY_MARK)[:10]
    if not access_key_id.startswith(_KEY_MARK) or not minted.isdecimal():
        return True
    return abs(now_seconds - int(minted)) > _STALE_SECONDS


class CephProgramShelf(S3ProgramShelf):
    """The bucket of one platform; safe to use from many threads and by several processes at once."""

    def __init__(self, endpoint: Endpoint, admin: AdminClient) -> None:
        super().__init__(BUCKET)
        self._endpoint = endpoint
        self._admin = admin
        self._base = endpoint.url.rstrip("/")
        self._pool = pool_of(
            self._base,
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
            retries=new_patience(),
            **({"ssl_context": trust(endpoint)} if self._base.startswith("https:") else {}),
        )

    def url(self, sha256: str) -> str:
        """Return the address of a program, which everybody may read."""
        return self._base + _path(sha256)

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

    def find(self, sha256: str) -> PublishedObject | None:
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
        return PublishedObject(int(answer.headers.get("Content-Length", -1)), answer.headers.get("ETag", "").strip('"'))

    def put(self, key: str, body: bytes, doing: str) -> None:
        with self._writer() as s3:
            self._ensure_bucket(s3)
            # This needs no conditional write, which RGW lacks: two writers of one key write the same bytes.
            with self._errors(doing):
                s3.put_object(Bucket=BUCKET, Key=key, Body=body)

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
        return read_policy(s3, BUCKET, self._errors(f"read the policy of bucket {BUCKET}"))

    def _errors(self, doing: str) -> Any:
        return s3_errors(doing, self._base)


def _path(sha256: str) -> str:
    """Return the path of a program below the platform's address."""
    return f"/{BUCKET}/{object_key(sha256)}"
