"""The rights of Coffre itself in an AWS account: one table of what it calls, and the IAM policy that follows. Pure.

Two tables say what Coffre does: the operations of its own AWS clients, and the Pulumi resources of `stacks/aws.py` with
what Pulumi's provider needs to create, read, change and delete them. A test compares both with the code.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from coffre.storage.aws.names import USER_PATH, programs_bucket
from coffre.storage.s3.policy import PolicyDocument, PolicyStatement, document

MAX_POLICY_LENGTH = 6144
"""The most characters of a managed policy of IAM, white space not counted."""


class Scope(StrEnum):
    """What an action is allowed on; the value is the Sid of its statement."""

    ACCOUNT = "CoffreAccount"
    """The whole account: actions for which IAM knows no smaller resource. All of them only read."""
    USERS = "CoffreUsers"
    """IAM users with Coffre's path."""
    USER_READS = "CoffreUserReads"
    """Reads of a user: AWS knows no path of a missing one, and would refuse to say that it is missing."""
    NEW_BUCKET = "CoffreNewBuckets"
    """A bucket that does not exist yet, in the platform's region."""
    BUCKETS = "CoffreBuckets"
    """Settings and listings of the account's buckets in the platform's region; never an object's content."""
    PROGRAMS = "CoffrePrograms"
    """The objects of the bucket of programs for machines."""
    ITSELF = "CoffreItself"
    """Coffre's own user or role, to simulate its rights."""
    TENANT = "tenant"
    """Done with a tenant's own key, which the bucket's policy allows: not in Coffre's own policy."""


FOREIGN_OBJECTS_SID = "CoffreNoCustomerData"


@dataclass(frozen=True)
class Right:
    """One action of IAM and what it is for."""

    action: str
    scope: Scope


def _on(scope: Scope, *actions: str) -> tuple[Right, ...]:
    return tuple(Right(action, scope) for action in actions)


_TENANT_OBJECT_READS = _on(Scope.TENANT, "s3:GetObject", "s3:GetObjectVersion")

OPERATIONS: Mapping[str, tuple[Right, ...]] = {
    # STS, CloudWatch and Service Quotas
    "get_caller_identity": _on(Scope.ACCOUNT, "sts:GetCallerIdentity"),
    "get_metric_data": _on(Scope.ACCOUNT, "cloudwatch:GetMetricData"),
    "get_service_quota": _on(Scope.ACCOUNT, "servicequotas:GetServiceQuota"),
    # IAM
    "create_access_key": _on(Scope.USERS, "iam:CreateAccessKey"),
    "create_user": _on(Scope.USERS, "iam:CreateUser"),
    "delete_access_key": _on(Scope.USERS, "iam:DeleteAccessKey"),
    "delete_user": _on(Scope.USERS, "iam:DeleteUser"),
    "delete_user_policy": _on(Scope.USERS, "iam:DeleteUserPolicy"),
    "get_account_summary": _on(Scope.ACCOUNT, "iam:GetAccountSummary"),
    "get_role": _on(Scope.ITSELF, "iam:GetRole"),
    "get_user": _on(Scope.USER_READS, "iam:GetUser"),
    "get_user_policy": _on(Scope.USER_READS, "iam:GetUserPolicy"),
    "list_access_keys": _on(Scope.USERS, "iam:ListAccessKeys"),
    "list_user_policies": _on(Scope.USERS, "iam:ListUserPolicies"),
    "list_user_tags": _on(Scope.USER_READS, "iam:ListUserTags"),
    "list_users": _on(Scope.ACCOUNT, "iam:ListUsers"),
    "put_user_policy": _on(Scope.USERS, "iam:PutUserPolicy"),
    "simulate_principal_policy": _on(Scope.ITSELF, "iam:SimulatePrincipalPolicy"),
    "update_access_key": _on(Scope.USERS, "iam:UpdateAccessKey"),
    # S3, buckets
    "create_bucket": _on(Scope.NEW_BUCKET, "s3:CreateBucket"),
    "delete_bucket": _on(Scope.BUCKETS, "s3:DeleteBucket"),
    "delete_bucket_lifecycle": _on(Scope.TENANT, "s3:PutLifecycleConfiguration"),
    "get_bucket_lifecycle_configuration": _on(Scope.BUCKETS, "s3:GetLifecycleConfiguration"),
    "get_bucket_location": _on(Scope.BUCKETS, "s3:GetBucketLocation"),
    "get_bucket_ownership_controls": _on(Scope.BUCKETS, "s3:GetBucketOwnershipControls"),
    "get_bucket_policy": _on(Scope.BUCKETS, "s3:GetBucketPolicy"),
    "get_bucket_tagging": _on(Scope.BUCKETS, "s3:GetBucketTagging"),
    "get_bucket_versioning": _on(Scope.BUCKETS, "s3:GetBucketVersioning"),
    "get_bucket_encryption": _on(Scope.BUCKETS, "s3:GetEncryptionConfiguration"),
    "get_object_lock_configuration": _on(Scope.BUCKETS, "s3:GetBucketObjectLockConfiguration"),
    "get_public_access_block": (
        *_on(Scope.ACCOUNT, "s3:GetAccountPublicAccessBlock"),
        *_on(Scope.BUCKETS, "s3:GetBucketPublicAccessBlock"),
    ),
    "head_bucket": _on(Scope.BUCKETS, "s3:ListBucket"),
    "list_buckets": _on(Scope.ACCOUNT, "s3:ListAllMyBuckets"),
    "list_multipart_uploads": _on(Scope.BUCKETS, "s3:ListBucketMultipartUploads"),
    "list_object_versions": _on(Scope.BUCKETS, "s3:ListBucketVersions"),
    "list_objects_v2": _on(Scope.BUCKETS, "s3:ListBucket"),
    "put_bucket_encryption": _on(Scope.BUCKETS, "s3:PutEncryptionConfiguration"),
    "put_bucket_lifecycle_configuration": _on(Scope.BUCKETS, "s3:PutLifecycleConfiguration"),
    "put_bucket_ownership_controls": _on(Scope.BUCKETS, "s3:PutBucketOwnershipControls"),
    "put_bucket_policy": _on(Scope.BUCKETS, "s3:PutBucketPolicy"),
    "put_bucket_versioning": _on(Scope.BUCKETS, "s3:PutBucketVersioning"),
    "put_public_access_block": _on(Scope.BUCKETS, "s3:PutBucketPublicAccessBlock"),
    # S3, objects
    "abort_multipart_upload": _on(Scope.TENANT, "s3:AbortMultipartUpload"),
    "copy_object": _on(Scope.TENANT, "s3:PutObject", "s3:GetObject"),
    "delete_object": _on(Scope.TENANT, "s3:DeleteObject", "s3:DeleteObjectVersion"),
    "get_object": (*_on(Scope.PROGRAMS, "s3:GetObject"), *_TENANT_OBJECT_READS),
    "get_object_legal_hold": _on(Scope.TENANT, "s3:GetObjectLegalHold"),
    "get_object_retention": _on(Scope.TENANT, "s3:GetObjectRetention"),
    "head_object": (*_on(Scope.PROGRAMS, "s3:GetObject"), *_TENANT_OBJECT_READS),
    "list_parts": _on(Scope.BUCKETS, "s3:ListMultipartUploadParts"),
    "put_object": (*_on(Scope.PROGRAMS, "s3:PutObject"), *_on(Scope.TENANT, "s3:PutObject")),
}
"""What each operation of Coffre's AWS clients needs, by botocore's method name. An operation without a line here is one
that nobody has thought of the rights for."""

# Pulumi's provider reads every setting of a bucket, also those that Coffre leaves alone.
_BUCKET_READS = (
    "s3:GetAccelerateConfiguration",
    "s3:GetBucketAcl",
    "s3:GetBucketCORS",
    "s3:GetBucketLocation",
    "s3:GetBucketLogging",
    "s3:GetBucketObjectLockConfiguration",
    "s3:GetBucketPolicy",
    "s3:GetBucketRequestPayment",
    "s3:GetBucketTagging",
    "s3:GetBucketVersioning",
    "s3:GetBucketWebsite",
    "s3:GetEncryptionConfiguration",
    "s3:GetLifecycleConfiguration",
    "s3:GetReplicationConfiguration",
    "s3:ListBucket",
    "s3:ListTagsForResource",
)
_BUCKET = (
    *_on(Scope.NEW_BUCKET, "s3:CreateBucket", "s3:TagResource"),
    *_on(Scope.BUCKETS, *_BUCKET_READS),
    *_on(Scope.BUCKETS, "s3:DeleteBucket", "s3:PutBucketTagging", "s3:TagResource", "s3:UntagResource"),
)
_LIFECYCLE = _on(Scope.BUCKETS, "s3:GetLifecycleConfiguration", "s3:PutLifecycleConfiguration")
_ENCRYPTION = _on(Scope.BUCKETS, "s3:GetEncryptionConfiguration", "s3:PutEncryptionConfiguration")
_VERSIONING = _on(Scope.BUCKETS, "s3:GetBucketVersioning", "s3:PutBucketVersioning")

RESOURCES: Mapping[str, tuple[Right, ...]] = {
    "iam.User": (
        *_on(Scope.USERS, "iam:CreateUser", "iam:DeleteUser", "iam:ListGroupsForUser", "iam:TagUser", "iam:UntagUser"),
        *_on(Scope.USER_READS, "iam:GetUser", "iam:ListUserTags"),
    ),
    "iam.UserPolicy": (
        *_on(Scope.USERS, "iam:DeleteUserPolicy", "iam:PutUserPolicy"),
        *_on(Scope.USER_READS, "iam:GetUserPolicy"),
    ),
    "s3.Bucket": _BUCKET,
    "s3.BucketLifecycleConfiguration": _LIFECYCLE,
    "s3.BucketOwnershipControls": _on(Scope.BUCKETS, "s3:GetBucketOwnershipControls", "s3:PutBucketOwnershipControls"),
    "s3.BucketPolicy": _on(Scope.BUCKETS, "s3:DeleteBucketPolicy", "s3:GetBucketPolicy", "s3:PutBucketPolicy"),
    "s3.BucketPublicAccessBlock": _on(Scope.BUCKETS, "s3:GetBucketPublicAccessBlock", "s3:PutBucketPublicAccessBlock"),
    "s3.BucketServerSideEncryptionConfiguration": _ENCRYPTION,
    "s3.BucketVersioning": _VERSIONING,
}
"""What Pulumi's provider needs for each resource of the stack; version 7 of it, as its sources say."""


def own_policy(account: str, region: str) -> PolicyDocument:
    """Return the least policy with which Coffre does its work in this account and region."""
    programs = f"arn:aws:s3:::{programs_bucket(account, region)}/*"
    here = {"StringEquals": {"aws:RequestedRegion": region}}
    ours = {"StringEquals": {"aws:RequestedRegion": region, "s3:ResourceAccount": account}}
    iam = f"arn:aws:iam::{account}"
    places: dict[Scope, tuple[list[str], dict[str, Any] | None]] = {
        Scope.ACCOUNT: (["*"], None),
        Scope.USERS: ([f"{iam}:user{USER_PATH}*"], None),
        Scope.USER_READS: ([f"{iam}:user/*"], None),
        Scope.NEW_BUCKET: (["arn:aws:s3:::*"], here),
        Scope.BUCKETS: (["arn:aws:s3:::*"], ours),
        Scope.PROGRAMS: ([programs], ours),
        Scope.ITSELF: ([f"{iam}:role/*", f"{iam}:user/*"], None),
    }
    statements = {
        scope.value: _allow(list_actions(scope), resources, condition)
        for scope, (resources, condition) in places.items()
    }
    statements[FOREIGN_OBJECTS_SID] = {
        "Effect": "Deny",
        "Action": ["s3:DeleteObject*", "s3:GetObject*", "s3:PutObject*"],
        "NotResource": [programs],
    }
    return document(statements)


def list_actions(scope: Scope) -> list[str]:
    """Return the actions that Coffre needs on this scope, sorted."""
    return sorted({right.action for right in _all_rights() if right.scope is scope})


def _all_rights() -> Iterator[Right]:
    for rights in (*OPERATIONS.values(), *RESOURCES.values()):
        yield from rights


def _allow(actions: list[str], resources: list[str], condition: dict[str, Any] | None) -> PolicyStatement:
    statement: PolicyStatement = {"Effect": "Allow", "Action": actions, "Resource": resources}
    return statement if condition is None else {**statement, "Condition": condition}
