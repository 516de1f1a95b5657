"""The map of the provider: which class answers for which Pulumi type token."""

from coffre.storage.ceph.provider.resources.access_key import AccessKey
from coffre.storage.ceph.provider.resources.base import Resource
from coffre.storage.ceph.provider.resources.bucket import Bucket
from coffre.storage.ceph.provider.resources.bucket_lifecycle import BucketLifecycle
from coffre.storage.ceph.provider.resources.bucket_policy import BucketPolicy
from coffre.storage.ceph.provider.resources.public_access_block import PublicAccessBlock
from coffre.storage.ceph.provider.resources.user import User
from coffre.storage.ceph.provider.resources.user_quota import UserQuota

RESOURCES: dict[str, type[Resource]] = {
    "rgw:index:User": User,
    "rgw:index:AccessKey": AccessKey,
    "rgw:index:UserQuota": UserQuota,
    "rgw:index:Bucket": Bucket,
    "rgw:index:BucketPolicy": BucketPolicy,
    "rgw:index:BucketLifecycle": BucketLifecycle,
    "rgw:index:PublicAccessBlock": PublicAccessBlock,
}
