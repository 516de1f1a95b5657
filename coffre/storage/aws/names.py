"""The names of Coffre's users, buckets and policies in an AWS account. Pure."""

import hashlib
from dataclasses import dataclass

from coffre.storage.s3.policy import Principals

USER_PATH = "/coffre/"
"""The path of Coffre's IAM users: its own rights end there."""

OWNER_TAG = "coffre-owner"
"""The bucket tag with the user that a tenant's buckets belong to: on AWS the account owns every bucket."""

MACHINE_POLICY = "coffre-machine"
"""The name of a machine's one inline policy."""

_MAX_USER_NAME = 64
_READABLE_LENGTH = 53
_DIGEST_LENGTH = 10


def user_name(uid: str) -> str:
    """Return the IAM name of a user: at most 64 characters, so a long one is cut and gets a digest; may run twice."""
    if len(uid) <= _MAX_USER_NAME:
        return uid
    return f"{uid[:_READABLE_LENGTH]}-{hashlib.sha256(uid.encode()).hexdigest()[:_DIGEST_LENGTH]}"


def bucket_prefix(uid: str) -> str:
    """Return how the names of a tenant's buckets begin, from the uid of its owner or of a machine: its slug.

    Other tenants' names may begin the same: the tag of a bucket decides.
    """
    owner = uid.partition(".")[0]
    return owner.rpartition("-")[0] or owner


def programs_bucket(account: str, region: str) -> str:
    """Name the bucket of programs for machines; names of buckets are unique in all of AWS."""
    return f"coffre-programs-{account}-{region}"


@dataclass(frozen=True)
class AwsPrincipals(Principals):
    """How an AWS account names Coffre's users in policies."""

    path: str = USER_PATH

    def arn(self, uid: str) -> str:
        return super().arn(user_name(uid))
