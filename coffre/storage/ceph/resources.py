"""The Pulumi resources of our own provider, as a program declares them.

The provider finds a bucket's owner and key by itself, so what needs to be there first is said with ``depends_on``:
user before key before quota (writes on one RGW user must not meet), the owner's key before its buckets, and every
user that a policy names before the policy. The wrapper of a secret (`pulumi.Output.secret`) is the caller's part.
"""

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi import Input, Output, ResourceOptions


class User(pulumi.CustomResource):
    """An RGW user without keys; ``max_buckets`` -1 allows none."""

    uid: Output[str]
    display_name: Output[str]
    max_buckets: Output[int]

    def __init__(
        self,
        resource_name: str,
        *,
        uid: Input[str],
        display_name: Input[str],
        max_buckets: Input[int] = 1000,
        opts: ResourceOptions | None = None,
    ) -> None:
        values = {"uid": uid, "display_name": display_name, "max_buckets": max_buckets}
        super().__init__("rgw:index:User", resource_name, values, opts)


class AccessKey(pulumi.CustomResource):
    """An S3 key of a user, chosen by us; pass the secret as a Pulumi secret, or it is in the state in clear."""

    uid: Output[str]
    access_key_id: Output[str]
    secret_access_key: Output[str]

    def __init__(
        self,
        resource_name: str,
        *,
        uid: Input[str],
        access_key_id: Input[str],
        secret_access_key: Input[str],
        opts: ResourceOptions | None = None,
    ) -> None:
        values = {"uid": uid, "access_key_id": access_key_id, "secret_access_key": secret_access_key}
        super().__init__("rgw:index:AccessKey", resource_name, values, opts)


class UserQuota(pulumi.CustomResource):
    """The wall: a user's user_quota in bytes."""

    uid: Output[str]
    max_bytes: Output[int]

    def __init__(
        self, resource_name: str, *, uid: Input[str], max_bytes: Input[int], opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("rgw:index:UserQuota", resource_name, {"uid": uid, "max_bytes": max_bytes}, opts)


class Bucket(pulumi.CustomResource):
    """A versioned bucket of one owner."""

    name: Output[str]
    owner: Output[str]
    tags: Output[dict[str, str]]

    def __init__(
        self,
        resource_name: str,
        *,
        name: Input[str],
        owner: Input[str],
        tags: Mapping[str, Input[str]] | None = None,
        opts: ResourceOptions | None = None,
    ) -> None:
        values = {"name": name, "owner": owner, "versioning": "Enabled", "tags": dict(tags or {})}
        super().__init__("rgw:index:Bucket", resource_name, values, opts)


class BucketPolicy(pulumi.CustomResource):
    """A bucket's policy but its gate and suspension; ``statements`` is what `bucket_policy.statements()` gives."""

    bucket: Output[str]
    statements: Output[dict[str, Any]]

    def __init__(
        self,
        resource_name: str,
        *,
        bucket: Input[str],
        statements: Mapping[str, Any],
        opts: ResourceOptions | None = None,
    ) -> None:
        values = {"bucket": bucket, "statements": dict(statements)}
        super().__init__("rgw:index:BucketPolicy", resource_name, values, opts)


class BucketLifecycle(pulumi.CustomResource):
    """A bucket's lifecycle; ``rules`` is what `lifecycle.rules()` gives."""

    bucket: Output[str]
    rules: Output[dict[str, Any]]

    def __init__(
        self,
        resource_name: str,
        *,
        bucket: Input[str],
        rules: Mapping[str, Any],
        opts: ResourceOptions | None = None,
    ) -> None:
        super().__init__("rgw:index:BucketLifecycle", resource_name, {"bucket": bucket, "rules": dict(rules)}, opts)


class PublicAccessBlock(pulumi.CustomResource):
    """IgnorePublicAcls for a bucket, the other three switches off."""

    bucket: Output[str]

    def __init__(self, resource_name: str, *, bucket: Input[str], opts: ResourceOptions | None = None) -> None:
        super().__init__("rgw:index:PublicAccessBlock", resource_name, {"bucket": bucket}, opts)
