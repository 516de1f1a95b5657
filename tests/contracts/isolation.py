"""What a stolen key can and cannot do: one list of calls for all kinds of storage, real or by policy."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

PACK = "restic/data/00/pack"
OWNERS_KEYS = ("restic/config", "restic/keys/1", "control/desired.json")
"""What the owner writes into a machine's bucket before the calls."""
MACHINES_KEYS = (PACK, "restic/index/1", "restic/snapshots/1", "restic/locks/1", "reports/1.json")
"""What the machine writes into it before the calls."""

# The action that S3 asks for, by botocore's method; the second one where the call names a version.
_ON_BUCKET = {
    "head_bucket": "s3:ListBucket",
    "list_objects_v2": "s3:ListBucket",
    "list_object_versions": "s3:ListBucketVersions",
    "get_bucket_policy": "s3:GetBucketPolicy",
    "put_bucket_policy": "s3:PutBucketPolicy",
    "delete_bucket_policy": "s3:DeleteBucketPolicy",
    "put_bucket_versioning": "s3:PutBucketVersioning",
    "put_bucket_lifecycle_configuration": "s3:PutLifecycleConfiguration",
    "delete_bucket_lifecycle": "s3:PutLifecycleConfiguration",
    "put_bucket_acl": "s3:PutBucketAcl",
    "delete_public_access_block": "s3:PutBucketPublicAccessBlock",
    "put_public_access_block": "s3:PutBucketPublicAccessBlock",
    "put_bucket_tagging": "s3:PutBucketTagging",
    "delete_bucket_cors": "s3:PutBucketCORS",
    "delete_bucket": "s3:DeleteBucket",
}
_ON_OBJECT = {
    "get_object": ("s3:GetObject", "s3:GetObjectVersion"),
    "head_object": ("s3:GetObject", "s3:GetObjectVersion"),
    "put_object": ("s3:PutObject", None),
    "create_multipart_upload": ("s3:PutObject", None),
    "copy_object": ("s3:PutObject", None),
    "delete_object": ("s3:DeleteObject", "s3:DeleteObjectVersion"),
    "put_object_acl": ("s3:PutObjectAcl", "s3:PutObjectVersionAcl"),
}


def action_of(method: str, *, is_versioned: bool = False) -> str | None:
    """Return the action that a call of S3 needs, by botocore's method; None for an unknown one. Pure."""
    if method in _ON_OBJECT:
        plain, versioned = _ON_OBJECT[method]
        return versioned if is_versioned else plain
    return "s3:CreateBucket" if method == "create_bucket" else _ON_BUCKET.get(method)


@dataclass(frozen=True)
class Need:
    """An action and the ARN that it is done to: the caller needs every one of a call's."""

    action: str
    resource: str


@dataclass(frozen=True)
class Call:
    """One call of S3 on a bucket; with ``is_versioned`` it names the current version of its object."""

    method: str
    key: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    is_versioned: bool = False

    def __str__(self) -> str:
        version = " by version" if self.is_versioned else ""
        return f"{self.method} {self.key}{version}" if self.key is not None else self.method

    def needs(self, bucket: str) -> list[Need]:
        """Return what the caller needs for this call. Pure."""
        whole = f"arn:aws:s3:::{bucket}"
        if self.method == "create_bucket":
            return [Need("s3:CreateBucket", f"{whole}-2")]
        if self.method == "delete_objects":
            listed = self.arguments["Delete"]["Objects"]
            return [Need("s3:DeleteObject", f"{whole}/{each['Key']}") for each in listed]
        action = action_of(self.method, is_versioned=self.is_versioned)
        assert action is not None, f"unknown: {self}"
        if self.key is None:
            return [Need(action, whole)]
        needs = [Need(action, f"{whole}/{self.key}")]
        if self.method == "copy_object":
            needs.append(Need("s3:GetObject", f"{whole}/{PACK}"))
        return needs

    def is_refused(self, s3: Any, bucket: str, keeper: Any = None) -> bool:
        """Make the call and tell whether the platform refused it; ``keeper`` looks up the version, if given."""
        given = dict(self.arguments)
        if self.key is not None:
            given["Key"] = self.key
        if self.method == "copy_object":
            given["CopySource"] = {"Bucket": bucket, "Key": PACK}
        if self.is_versioned:
            given["VersionId"] = (keeper or s3).head_object(Bucket=bucket, Key=self.key)["VersionId"]
        name = f"{bucket}-2" if self.method == "create_bucket" else bucket
        return refused(getattr(s3, self.method), Bucket=name, **given)


def refused(call: Callable[..., Any], **arguments: Any) -> bool:
    """Make a call and tell whether the platform said 403; any other error is an error of the test.

    From Ceph 20 on a call that deletes several objects answers 200 and says so of each one.
    """
    try:
        refusals = call(**arguments).get("Errors", [])
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 403:
            raise
        return True
    return bool(refusals) and all(each["Code"] == "AccessDenied" for each in refusals)


def put(key: str, **more: Any) -> Call:
    return Call("put_object", key, {"Body": b"forged", **more})


FOREIGN = (
    Call("get_object", PACK),
    Call("head_object", PACK),
    Call("list_objects_v2"),
    Call("list_object_versions"),
    Call("head_bucket"),
    put("reports/x"),
    Call("delete_object", PACK),
    Call("get_bucket_policy"),
)
"""What nobody may do with a bucket that is not his."""

DELETIONS = tuple(
    call
    for key in (*MACHINES_KEYS, *OWNERS_KEYS)
    if not key.startswith("restic/locks/")
    for call in (
        Call("delete_object", key),
        Call("delete_object", key, is_versioned=True),
        Call("delete_objects", arguments={"Delete": {"Objects": [{"Key": key}]}}),
    )
)
"""The ways to delete a machine's history, which it may not."""

FORGERIES = tuple(
    call
    for key in ("restic/config", "restic/keys/1", "restic/keys/2", "control/desired.json", "control/gate.json",
                "control/new", "restic/new", "new")
    for call in (put(key), Call("create_multipart_upload", key), Call("copy_object", key))
)  # fmt: skip
"""The ways to write configuration, keys and orders, which a machine may not."""

_ALL_OPEN = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:*",
             "Resource": "arn:aws:s3:::x"}]}  # fmt: skip
_EXPIRY = {"Rules": [{"ID": "x", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}]}

SETTINGS = (
    Call("put_bucket_policy", arguments={"Policy": json.dumps(_ALL_OPEN)}),
    Call("delete_bucket_policy"),
    Call("put_bucket_versioning", arguments={"VersioningConfiguration": {"Status": "Suspended"}}),
    Call("put_bucket_lifecycle_configuration", arguments={"LifecycleConfiguration": _EXPIRY}),
    Call("delete_bucket_lifecycle"),
    Call("put_bucket_acl", arguments={"ACL": "public-read-write"}),
    Call("put_object_acl", PACK, {"ACL": "public-read"}),
    Call("put_object_acl", "restic/config", {"ACL": "public-read"}),
    Call("delete_public_access_block"),
    Call("put_public_access_block", arguments={"PublicAccessBlockConfiguration": {"IgnorePublicAcls": False}}),
    Call("put_bucket_tagging", arguments={"Tagging": {"TagSet": [{"Key": "a", "Value": "b"}]}}),
    Call("delete_bucket_cors"),
    Call("delete_bucket"),
    Call("create_bucket"),
)
"""The settings of a bucket, of which a machine may change none."""

WORK = (
    Call("list_objects_v2"),
    Call("get_object", "control/desired.json"),
    Call("get_object", PACK),
    put("restic/data/02/pack"),
    put("restic/index/2"),
    put("restic/snapshots/2"),
    put("reports/2"),
    put("restic/locks/3"),
    Call("delete_object", "restic/locks/3"),
)
"""What a machine needs for backups and restores."""

BACKUP_WRITES = (put("restic/data/03/pack"), put("restic/index/3"), put("restic/snapshots/3"),
                 Call("create_multipart_upload", "restic/data/03/large"))  # fmt: skip
READING = (Call("list_objects_v2"), Call("get_object", "control/desired.json"), Call("get_object", PACK))
REPORTING = (put("reports/3"),)
LOCKING = (put("restic/locks/4"), Call("delete_object", "restic/locks/4"))
REPOSITORY = (Call("get_object", PACK), put(PACK), put("restic/locks/5"), Call("delete_object", "restic/locks/1"))


@dataclass(frozen=True)
class State:
    """What a machine may and may not do while these switches of its bucket are on."""

    switches: tuple[str, ...]
    may: tuple[Call, ...]
    may_not: tuple[Call, ...]


STATES = {
    "working": State((), WORK, (*DELETIONS, *FORGERIES, *SETTINGS)),
    "gate closed": State(
        ("gate",), (*READING, *REPORTING, *LOCKING), (*BACKUP_WRITES, *DELETIONS, *FORGERIES, *SETTINGS)
    ),
    "stopped": State(
        ("stop",),
        READING,
        (*BACKUP_WRITES, *REPORTING, put("restic/locks/4"), Call("delete_object", "restic/locks/1"), *SETTINGS),
    ),
    "suspended": State(
        ("suspension",),
        (Call("list_objects_v2"), Call("get_object", "control/desired.json"), *REPORTING),
        (*REPOSITORY, *BACKUP_WRITES, *DELETIONS, *SETTINGS),
    ),
    "all switches": State(
        ("gate", "stop", "suspension"),
        (Call("list_objects_v2"), Call("get_object", "control/desired.json")),
        (*REPOSITORY, *BACKUP_WRITES, *REPORTING, *DELETIONS, *SETTINGS),
    ),
}
"""A machine with a policy, by the switches of its bucket; a retired machine may nothing (FOREIGN)."""

OWNERS_WORK = (
    Call("get_object", PACK),
    Call("list_objects_v2"),
    Call("list_object_versions"),
    put("control/desired.json"),
    put("restic/config"),
    Call("copy_object", "aside/1"),
    Call("get_bucket_policy"),
    Call("delete_object", "reports/1.json", is_versioned=True),
    Call("delete_object", "reports/1.json"),
)
"""What Coffre does with its tenant's own key, in every state of a machine."""
