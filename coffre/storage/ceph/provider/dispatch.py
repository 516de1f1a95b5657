"""The map of the provider: which class answers for which Pulumi type token."""

from coffre.storage.ceph.provider.environment import SETTINGS
from coffre.storage.ceph.provider.resources.access_key import AccessKey
from coffre.storage.ceph.provider.resources.base import RgwResource
from coffre.storage.ceph.provider.resources.bucket import Bucket
from coffre.storage.ceph.provider.resources.bucket_lifecycle import BucketLifecycle
from coffre.storage.ceph.provider.resources.bucket_policy import BucketPolicy
from coffre.storage.ceph.provider.resources.public_access_block import PublicAccessBlock
from coffre.storage.ceph.provider.resources.user import User
from coffre.storage.ceph.provider.resources.user_quota import UserQuota
from coffre.storage.provider.package import Package

RESOURCES: dict[str, type[RgwResource]] = {
    "rgw:index:User": User,
    "rgw:index:AccessKey": AccessKey,
    "rgw:index:UserQuota": UserQuota,
    "rgw:index:Bucket": Bucket,
    "rgw:index:BucketPolicy": BucketPolicy,
    "rgw:index:BucketLifecycle": BucketLifecycle,
    "rgw:index:PublicAccessBlock": PublicAccessBlock,
}

PACKAGE = Package(
    display_name="Ceph RGW",
    description="Users, access keys, quotas and buckets of a Ceph Object Gateway (RGW), one owner at a time.",
    keywords=("ceph", "rgw", "s3"),
    serves="The platform, and the one user for whom the provider works.",
    settings=SETTINGS,
    resources=RESOURCES,
)
