"""A user with a key and a quota, and a bucket with policy and lifecycle, on Ceph RGW.

Nothing of Coffre but its Pulumi provider: the properties are those of its schema.
"""

from typing import Any

import pulumi


def declare(kind: str, name: str, /, *after: pulumi.Resource, **properties: Any) -> pulumi.CustomResource:
    """Declare a resource of the provider, to be made after the others."""
    return pulumi.CustomResource(f"rgw:index:{kind}", name, properties, pulumi.ResourceOptions(depends_on=list(after)))


config = pulumi.Config()
owner, bucket = config.require("owner"), config.require("bucket")
reader = f"{owner}.reader"

# The user that owns the bucket: user before key before quota, since writes on one RGW user may not meet.
owner_user = declare("User", "owner", uid=owner, display_name="Example")
owner_key = declare(
    "AccessKey",
    "owner-key",
    owner_user,
    uid=owner,
    access_key_id=config.require("access_key_id"),
    secret_access_key=config.require_secret("secret_access_key"),
)
declare("UserQuota", "quota", owner_key, uid=owner, max_bytes=config.get_int("max_bytes") or 10 * 1000**3)

# A second user, who owns no bucket and may read this one. It gets a key as the owner does.
reader_user = declare("User", "reader", uid=reader, display_name="Example / reader", max_buckets=-1)

bucket_made = declare("Bucket", "bucket", owner_key, name=bucket, owner=owner, tags={"purpose": "example"})
declare(
    "BucketPolicy",
    "policy",
    bucket_made,
    reader_user,
    bucket=bucket,
    statements={
        "ReaderLists": {
            "Effect": "Allow",
            "Principal": {"AWS": [f"arn:aws:iam:::user/{reader}"]},
            "Action": ["s3:ListBucket"],
            "Resource": [f"arn:aws:s3:::{bucket}"],
        },
        "ReaderReads": {
            "Effect": "Allow",
            "Principal": {"AWS": [f"arn:aws:iam:::user/{reader}"]},
            "Action": ["s3:GetObject"],
            "Resource": [f"arn:aws:s3:::{bucket}/*"],
        },
    },
)
declare(
    "BucketLifecycle",
    "lifecycle",
    bucket_made,
    bucket=bucket,
    rules={
        "earlier-versions": {
            "Status": "Enabled",
            "Prefix": "",
            "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 2},
        },
    },
)
declare("PublicAccessBlock", "public-access", bucket_made, bucket=bucket)

pulumi.export("owner", owner)
pulumi.export("bucket", bucket)
