"""The policies of a tenant on AWS, statement by statement, as close to Ceph's as AWS permits. Pure.

The bucket's policy names its owner, refuses requests without TLS, and has the same switches as on Ceph. What a machine
may do stands in its user's one inline policy. Ceph's Deny against strangers is not needed: on AWS a user without a
statement has no right, the bucket owns every object (ownership enforced), and ACLs are off.
"""

from collections.abc import Mapping

from coffre.storage.aws.layout import MachineStorage, StorageLayout
from coffre.storage.aws.names import AwsPrincipals
from coffre.storage.s3.policy import (
    MACHINE_ACL_SID,
    OWNER_SID,
    PLAIN_HTTP,
    PolicyDocument,
    PolicyStatement,
    acl_statement,
    both,
    document,
    machine_rights,
)

TLS_SID = "CoffreTlsOnly"
PROGRAMS_SID = "CoffreMachinePrograms"

OWNER_ACTIONS = (
    "s3:AbortMultipartUpload",
    "s3:DeleteBucket",
    "s3:DeleteObject",
    "s3:DeleteObjectVersion",
    "s3:GetBucketLocation",
    "s3:GetBucketObjectLockConfiguration",
    "s3:GetBucketPolicy",
    "s3:GetBucketTagging",
    "s3:GetLifecycleConfiguration",
    "s3:GetObject",
    "s3:GetObjectLegalHold",
    "s3:GetObjectRetention",
    "s3:GetObjectVersion",
    "s3:ListBucket",
    "s3:ListBucketMultipartUploads",
    "s3:ListBucketVersions",
    "s3:ListMultipartUploadParts",
    "s3:PutBucketPolicy",
    "s3:PutLifecycleConfiguration",
    "s3:PutObject",
)
"""What Coffre does with a tenant's buckets: no ACL, no replication, no bypass of a lock."""


def bucket_statements(account: str, bucket: str, owner: str, machine: str | None) -> dict[str, PolicyStatement]:
    """Return the statements of a machine's bucket by Sid, without the switches; a retired machine (None) has none."""
    names = AwsPrincipals(account)
    result: dict[str, PolicyStatement] = {
        OWNER_SID: {
            "Effect": "Allow",
            "Principal": {"AWS": [names.arn(owner)]},
            "Action": sorted(OWNER_ACTIONS),
            "Resource": both(bucket),
        },
        TLS_SID: tls_statement(bucket),
    }
    if machine is not None:
        result[MACHINE_ACL_SID] = acl_statement(bucket, machine, names)
    return result


def tls_statement(bucket: str) -> PolicyStatement:
    """Return the statement that refuses every request without TLS, of anybody."""
    return {
        "Effect": "Deny",
        "Principal": "*",
        "Action": ["s3:*"],
        "Resource": both(bucket),
        "Condition": PLAIN_HTTP,
    }


def bucket_policy(
    storage: StorageLayout, machine: MachineStorage, switches: Mapping[str, PolicyStatement]
) -> PolicyDocument:
    """Return the whole policy of a machine's bucket, with the switches that are on."""
    wanted = bucket_statements(storage.account, machine.bucket, storage.owner, machine.user)
    return document({**wanted, **switches})


def machine_policy(account: str, bucket: str, programs_bucket: str) -> PolicyDocument:
    """Return the inline policy of a machine's user: its rights on Ceph, and to read programs.

    ``s3:ResourceAccount``: after the bucket is gone, another account that takes its name gets nothing of the machine.
    IAM accepts at most 2,048 characters of a user's inline policies, white space not counted.
    """
    rights: Mapping[str, PolicyStatement] = {
        **machine_rights(bucket),
        PROGRAMS_SID: {
            "Effect": "Allow",
            "Action": ["s3:GetObject"],
            "Resource": [f"arn:aws:s3:::{programs_bucket}/restic/*"],
        },
    }
    ours = {"StringEquals": {"s3:ResourceAccount": account}}
    return document({sid: {**right, "Condition": ours} for sid, right in rights.items()})
