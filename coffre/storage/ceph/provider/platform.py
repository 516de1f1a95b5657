"""The access of the resources to the platform: the Admin API, and an S3 client of a bucket's owner."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from coffre.errors import RemoteError
from coffre.storage.ceph.api.admin import AdminClient, RgwBucket
from coffre.storage.s3 import lifecycle, policy
from coffre.storage.s3.bucket import read_policy
from coffre.storage.s3.client import ClientCache
from coffre.storage.s3.faults import NoSuchBucketError, NotConfiguredError, error_of, s3_errors
from coffre.storage.values import Endpoint

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


class RgwPlatform:
    """One platform, for the time of one provider process; safe to use from many threads."""

    def __init__(self, endpoint: Endpoint, admin: AdminClient) -> None:
        self.admin = admin
        self.url = endpoint.url
        self._clients = ClientCache(endpoint)
        self._locks: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)
        self._guard = threading.Lock()

    def alone(self, name: str) -> threading.RLock:
        """Return the lock under which one user or bucket is written.

        RGW keeps a bucket's policy, lifecycle, tags and access block in one record, and of two that are written at a
        time one is lost without a word (seen on 16.2.15).
        """
        with self._guard:
            return self._locks[name]

    def client_of(self, owner: str) -> S3Client:
        """Return a client with a key of the owner, found by the Admin API and kept nowhere."""
        user = self.admin.find_user(owner)
        if user is None or not user.keys:
            raise RemoteError(
                f"user {owner}, who owns the bucket, {'does not exist' if user is None else 'has no access key'}",
                "let the bucket's resources depend on the owner's AccessKey",
            )
        return self._clients.get(user.keys[0])

    def find_bucket(self, name: str) -> OpenBucket | None:
        """Open a bucket with its owner's key; None only when the Admin API says there is no such bucket."""
        facts = self.admin.find_bucket(name)
        return None if facts is None else OpenBucket(facts, self.url, lambda: self.client_of(facts.owner))

    def get_bucket(self, name: str) -> OpenBucket:
        bucket = self.find_bucket(name)
        if bucket is None:
            raise error_of(f"open bucket {name}", "NoSuchBucket", 404)
        return bucket


@dataclass(frozen=True)
class OpenBucket:
    """A bucket's facts and the owner's client, which ``connect`` gives when it is needed first."""

    facts: RgwBucket
    url: str
    connect: Callable[[], S3Client] = field(repr=False)

    @cached_property
    def s3(self) -> S3Client:
        return self.connect()

    def read_versioning(self) -> str:
        with self.doing("read versioning"):
            return self.s3.get_bucket_versioning(Bucket=self.facts.name).get("Status", "never enabled")

    def read_tags(self) -> dict[str, str]:
        try:
            with self.doing("read tags"):
                answer = self.s3.get_bucket_tagging(Bucket=self.facts.name)
        except NotConfiguredError:
            return {}
        return {tag["Key"]: tag["Value"] for tag in answer["TagSet"]}

    def read_policy(self) -> policy.PolicyDocument:
        """Return the whole policy, switches included; a missing one as empty."""
        return read_policy(self.s3, self.facts.name, self.doing("read the policy"))

    def read_rules(self) -> dict[str, lifecycle.Rule]:
        """Return the rules of the lifecycle by id; none without a lifecycle."""
        try:
            with self.doing("read the lifecycle"):
                answer = self.s3.get_bucket_lifecycle_configuration(Bucket=self.facts.name)
        except NotConfiguredError:
            return {}
        return lifecycle.by_id(answer.get("Rules", []))

    def read_public_access(self) -> dict[str, Any]:
        """Return the switches of the public access block by S3's names; none without one."""
        try:
            with self.doing("read the public access block"):
                answer = self.s3.get_public_access_block(Bucket=self.facts.name)
        except NotConfiguredError:
            return {}
        return dict(answer["PublicAccessBlockConfiguration"])

    @contextmanager
    def doing(self, verb: str) -> Iterator[None]:
        """Run S3 calls; RGW's refusals are reported as ``verb`` of this bucket."""
        with s3_errors(f"{verb} of bucket {self.facts.name}", self.url):
            yield

    @contextmanager
    def if_there(self) -> Iterator[None]:
        """Run a deletion; a bucket that is already gone is fine."""
        try:
            yield
        except NoSuchBucketError:
            return
