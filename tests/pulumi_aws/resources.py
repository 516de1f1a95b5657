"""The resources of stacks/aws.py, by boto3: each can be made, changed, found and removed."""

import json
import os
import threading
from functools import cache
from typing import Any, ClassVar

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

Values = dict[str, Any]

CALLS_AT_A_TIME = 16
_making = threading.Lock()
"""Threads may share a client, but not make two at once."""

GONE = (
    "404",
    "NoSuchBucket",
    "NoSuchBucketPolicy",
    "NoSuchEntity",
    "NoSuchLifecycleConfiguration",
    "NoSuchPublicAccessBlockConfiguration",
    "NoSuchTagSet",
    "OwnershipControlsNotFoundError",
    "ServerSideEncryptionConfigurationNotFoundError",
)


def client(service: str) -> Any:
    """Return the client of a service by the plugin's environment, as the real one finds credential and endpoint."""
    with _making:
        return _make_client(service)


@cache
def _make_client(service: str) -> Any:
    config = Config(s3={"addressing_style": "path"}, max_pool_connections=CALLS_AT_A_TIME)
    return boto3.client(service, region_name=os.environ["AWS_REGION"], config=config)


def is_gone(error: ClientError) -> bool:
    return error.response["Error"]["Code"] in GONE


class Resource:
    """One type: ``replaces`` are the inputs whose change makes another one of it, ``made_from`` names its id."""

    made_from: ClassVar[str] = "bucket"
    replaces: ClassVar[set[str]] = {"bucket"}

    def make(self, values: Values) -> str:
        """Make it, return its id."""
        self.put(values)
        return str(values[self.made_from])

    def put(self, values: Values) -> None:
        raise NotImplementedError

    def find(self, identity: str) -> Values | None:
        raise NotImplementedError

    def remove(self, values: Values) -> None:
        raise NotImplementedError

    def outputs(self, values: Values) -> Values:
        return values


class Bucket(Resource):
    def make(self, values: Values) -> str:
        name, region = values["bucket"], os.environ["AWS_REGION"]
        client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})
        self.put(values)
        return str(name)

    def put(self, values: Values) -> None:
        tags = [{"Key": key, "Value": value} for key, value in sorted((values.get("tags") or {}).items())]
        client("s3").put_bucket_tagging(Bucket=values["bucket"], Tagging={"TagSet": tags})

    def find(self, identity: str) -> Values | None:
        client("s3").head_bucket(Bucket=identity)
        try:
            found = client("s3").get_bucket_tagging(Bucket=identity)["TagSet"]
        except ClientError as error:
            if not is_gone(error):
                raise
            found = []
        return {"bucket": identity, "tags": {each["Key"]: each["Value"] for each in found}, "forceDestroy": False}

    def remove(self, values: Values) -> None:
        client("s3").delete_bucket(Bucket=values["bucket"])

    def outputs(self, values: Values) -> Values:
        return {**values, "arn": f"arn:aws:s3:::{values['bucket']}", "region": os.environ["AWS_REGION"]}


class Versioning(Resource):
    def put(self, values: Values) -> None:
        status = values["versioningConfiguration"]["status"]
        client("s3").put_bucket_versioning(Bucket=values["bucket"], VersioningConfiguration={"Status": status})

    def find(self, identity: str) -> Values | None:
        status = client("s3").get_bucket_versioning(Bucket=identity).get("Status")
        return {"bucket": identity, "versioningConfiguration": {"status": status}} if status else None

    def remove(self, values: Values) -> None:
        client("s3").put_bucket_versioning(Bucket=values["bucket"], VersioningConfiguration={"Status": "Suspended"})


class PublicAccessBlock(Resource):
    _NAMES: ClassVar[dict[str, str]] = {
        "blockPublicAcls": "BlockPublicAcls",
        "blockPublicPolicy": "BlockPublicPolicy",
        "ignorePublicAcls": "IgnorePublicAcls",
        "restrictPublicBuckets": "RestrictPublicBuckets",
    }

    def put(self, values: Values) -> None:
        block = {theirs: bool(values.get(ours)) for ours, theirs in self._NAMES.items()}
        client("s3").put_public_access_block(Bucket=values["bucket"], PublicAccessBlockConfiguration=block)

    def find(self, identity: str) -> Values | None:
        found = client("s3").get_public_access_block(Bucket=identity)["PublicAccessBlockConfiguration"]
        return {"bucket": identity, **{ours: found[theirs] for ours, theirs in self._NAMES.items()}}

    def remove(self, values: Values) -> None:
        client("s3").delete_public_access_block(Bucket=values["bucket"])


class OwnershipControls(Resource):
    def put(self, values: Values) -> None:
        rules = [{"ObjectOwnership": values["rule"]["objectOwnership"]}]
        client("s3").put_bucket_ownership_controls(Bucket=values["bucket"], OwnershipControls={"Rules": rules})

    def find(self, identity: str) -> Values | None:
        [rule] = client("s3").get_bucket_ownership_controls(Bucket=identity)["OwnershipControls"]["Rules"]
        return {"bucket": identity, "rule": {"objectOwnership": rule["ObjectOwnership"]}}

    def remove(self, values: Values) -> None:
        client("s3").delete_bucket_ownership_controls(Bucket=values["bucket"])


class Encryption(Resource):
    def put(self, values: Values) -> None:
        rules = [
            {
                "ApplyServerSideEncryptionByDefault": {
                    "SSEAlgorithm": rule["applyServerSideEncryptionByDefault"]["sseAlgorithm"]
                }
            }
            for rule in values["rules"]
        ]
        client("s3").put_bucket_encryption(Bucket=values["bucket"], ServerSideEncryptionConfiguration={"Rules": rules})

    def find(self, identity: str) -> Values | None:
        found = client("s3").get_bucket_encryption(Bucket=identity)["ServerSideEncryptionConfiguration"]["Rules"]
        rules = [
            {
                "applyServerSideEncryptionByDefault": {
                    "sseAlgorithm": rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"]
                }
            }
            for rule in found
        ]
        return {"bucket": identity, "rules": rules}

    def remove(self, values: Values) -> None:
        client("s3").delete_bucket_encryption(Bucket=values["bucket"])


class Lifecycle(Resource):
    def put(self, values: Values) -> None:
        rules = [_rule_of_s3(rule) for rule in values["rules"]]
        client("s3").put_bucket_lifecycle_configuration(
            Bucket=values["bucket"], LifecycleConfiguration={"Rules": rules}
        )

    def find(self, identity: str) -> Values | None:
        found = client("s3").get_bucket_lifecycle_configuration(Bucket=identity)["Rules"]
        return {"bucket": identity, "rules": sorted(map(_rule_of_pulumi, found), key=lambda rule: str(rule["id"]))}

    def remove(self, values: Values) -> None:
        client("s3").delete_bucket_lifecycle(Bucket=values["bucket"])


def _rule_of_s3(rule: Values) -> Values:
    found: Values = {"ID": rule["id"], "Status": rule["status"], "Filter": {"Prefix": rule["filter"].get("prefix", "")}}
    expiration = rule["expiration"]
    found["Expiration"] = (
        {"Days": int(expiration["days"])} if expiration.get("days") else {"ExpiredObjectDeleteMarker": True}
    )
    days = int(rule["noncurrentVersionExpiration"]["noncurrentDays"])
    found["NoncurrentVersionExpiration"] = {"NoncurrentDays": days}
    if rule.get("abortIncompleteMultipartUpload"):
        days = int(rule["abortIncompleteMultipartUpload"]["daysAfterInitiation"])
        found["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": days}
    return found


def _rule_of_pulumi(rule: Values) -> Values:
    expiration = rule["Expiration"]
    found: Values = {
        "id": rule["ID"],
        "status": rule["Status"],
        "filter": {"prefix": rule.get("Filter", {}).get("Prefix", rule.get("Prefix", ""))},
        "expiration": {"days": expiration["Days"]} if "Days" in expiration else {"expiredObjectDeleteMarker": True},
        "noncurrentVersionExpiration": {
            "noncurrentDays": rule["NoncurrentVersionExpiration"]["NoncurrentDays"],
        },
    }
    if "AbortIncompleteMultipartUpload" in rule:
        days = rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"]
        found["abortIncompleteMultipartUpload"] = {"daysAfterInitiation": days}
    return found


class BucketPolicy(Resource):
    def put(self, values: Values) -> None:
        client("s3").put_bucket_policy(Bucket=values["bucket"], Policy=values["policy"])

    def find(self, identity: str) -> Values | None:
        document = json.loads(client("s3").get_bucket_policy(Bucket=identity)["Policy"])
        return {"bucket": identity, "policy": _render(document)}

    def remove(self, values: Values) -> None:
        client("s3").delete_bucket_policy(Bucket=values["bucket"])


class User(Resource):
    made_from: ClassVar[str] = "name"
    replaces: ClassVar[set[str]] = {"name"}

    def make(self, values: Values) -> str:
        tags = [{"Key": key, "Value": value} for key, value in sorted((values.get("tags") or {}).items())]
        client("iam").create_user(UserName=values["name"], Path=values["path"], Tags=tags)
        return str(values["name"])

    def put(self, values: Values) -> None:
        wanted, name = values.get("tags") or {}, values["name"]
        there = {each["Key"] for each in client("iam").list_user_tags(UserName=name)["Tags"]}
        if there - set(wanted):
            client("iam").untag_user(UserName=name, TagKeys=sorted(there - set(wanted)))
        client("iam").tag_user(UserName=name, Tags=[{"Key": key, "Value": each} for key, each in wanted.items()])

    def find(self, identity: str) -> Values | None:
        found = client("iam").get_user(UserName=identity)["User"]
        tags = client("iam").list_user_tags(UserName=identity)["Tags"]
        return {"name": identity, "path": found["Path"], "tags": {each["Key"]: each["Value"] for each in tags}}

    def remove(self, values: Values) -> None:
        client("iam").delete_user(UserName=values["name"])

    def outputs(self, values: Values) -> Values:
        return {**values, "arn": client("iam").get_user(UserName=values["name"])["User"]["Arn"]}


class UserPolicy(Resource):
    replaces: ClassVar[set[str]] = {"user", "name"}

    def make(self, values: Values) -> str:
        self.put(values)
        return f"{values['user']}:{values['name']}"

    def put(self, values: Values) -> None:
        client("iam").put_user_policy(
            UserName=values["user"], PolicyName=values["name"], PolicyDocument=values["policy"]
        )

    def find(self, identity: str) -> Values | None:
        user, name = identity.split(":")
        document = client("iam").get_user_policy(UserName=user, PolicyName=name)["PolicyDocument"]
        return {"user": user, "name": name, "policy": _render(document)}

    def remove(self, values: Values) -> None:
        client("iam").delete_user_policy(UserName=values["user"], PolicyName=values["name"])


def _render(document: Values) -> str:
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


RESOURCES: dict[str, Resource] = {
    "aws:iam/user:User": User(),
    "aws:iam/userPolicy:UserPolicy": UserPolicy(),
    "aws:s3/bucket:Bucket": Bucket(),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": Lifecycle(),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": OwnershipControls(),
    "aws:s3/bucketPolicy:BucketPolicy": BucketPolicy(),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": PublicAccessBlock(),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": Encryption(),
    "aws:s3/bucketVersioning:BucketVersioning": Versioning(),
}
