"""What the storage tests build on the real RGW, and how they take it away again; made by the provider's own classes."""

import secrets
from dataclasses import dataclass

from coffre.storage.ceph import bucket_policy
from coffre.storage.ceph.api.admin import AdminClient
from coffre.storage.ceph.provider.dispatch import RESOURCES
from coffre.storage.ceph.provider.platform import RgwPlatform
from coffre.storage.ceph.provider.resources.base import RgwResource
from coffre.storage.ceph.storage import CephStorage
from coffre.storage.s3 import lifecycle
from coffre.storage.s3.client import make_client
from coffre.storage.values import AccessKey, Endpoint

MIB = 1 << 20


def new_key() -> AccessKey:
    return AccessKey(secrets.token_hex(10).upper(), secrets.token_urlsafe(30))


@dataclass(frozen=True)
class User:
    """A user of the test with its key."""

    uid: str
    key: AccessKey


@dataclass(frozen=True)
class Machine(User):
    """A machine with its bucket."""

    bucket: str


class World:
    """One test module's users and buckets, all under one prefix."""

    def __init__(self, endpoint: Endpoint, admin_key: AccessKey, prefix: str) -> None:
        self.endpoint = endpoint
        self.admin_key = admin_key
        self.prefix = prefix
        self.admin = AdminClient(endpoint, admin_key)
        self.storage = CephStorage(endpoint, admin_key)
        self._platform = RgwPlatform(endpoint, self.admin)

    def resource(self, kind: str) -> RgwResource:
        return RESOURCES[f"rgw:index:{kind}"](self._platform)

    def create(self, kind: str, **given):
        resource = self.resource(kind)
        inputs, failures = resource.check(given)
        assert not failures
        resource.create(inputs)
        return inputs

    def s3(self, user: User):
        return make_client(self.endpoint, user.key)

    def make_user(self, name: str, max_buckets: int = 1000) -> User:
        user = User(f"{self.prefix}-{name}", new_key())
        self.create("User", uid=user.uid, display_name=name, max_buckets=max_buckets)
        self.create(
            "AccessKey",
            uid=user.uid,
            access_key_id=user.key.access_key_id,
            secret_access_key=user.key.secret_access_key,
        )
        return user

    def make_owner(self, name: str, wall_bytes: int = 1 << 30) -> User:
        owner = self.make_user(name)
        self.create("UserQuota", uid=owner.uid, max_bytes=wall_bytes)
        return owner

    def make_machine(self, owner: User, name: str) -> Machine:
        """Make a machine with everything that a machine of a tenant file gets."""
        short = owner.uid.removeprefix(f"{self.prefix}-")
        user = self.make_user(f"{short}.{name}", max_buckets=-1)
        bucket = f"{self.prefix}-{short}-{name}"
        self.create("Bucket", name=bucket, owner=owner.uid)
        self.create("BucketPolicy", bucket=bucket, statements=bucket_policy.statements(bucket, owner.uid, user.uid))
        self.create("PublicAccessBlock", bucket=bucket)
        self.create("BucketLifecycle", bucket=bucket, rules=lifecycle.rules(14))
        return Machine(user.uid, user.key, bucket)

    def wipe(self) -> None:
        """Delete every user of the prefix with all it owns."""
        for uid in self.storage.list_users(self.prefix):
            buckets = self.admin.list_buckets(uid)
            if buckets:
                key = new_key()
                self.admin.put_key(uid, key)
                for bucket in buckets:
                    empty_bucket(make_client(self.endpoint, key), bucket)
                    make_client(self.endpoint, key).delete_bucket(Bucket=bucket)
            self.admin.delete_user(uid)


def empty_bucket(s3, bucket: str) -> None:
    """Delete every version, marker and upload of a small bucket."""
    s3.delete_bucket_policy(Bucket=bucket)
    for upload in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []):
        s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for entry in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            s3.delete_object(Bucket=bucket, Key=entry["Key"], VersionId=entry["VersionId"])
