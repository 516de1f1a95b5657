"""Clients of moto's server that refuse what the live policies refuse, by the tests' own evaluator.

moto's own enforcement is of no use for buckets: it asks a bucket's policy without the caller, so that every Allow is
for everybody, and a Deny with a condition that it does not know is for everybody too.
"""

import json
from collections.abc import Mapping
from typing import Any

import botocore.session
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError

from coffre.storage.aws.checks.sessions import Sessions
from coffre.storage.aws.own_rights import OPERATIONS
from coffre.storage.driver import AccessKey
from tests.moto_server import ACCOUNT, REGION, Moto
from tests.policy_evaluator import Decision, Request, evaluate

ADMIN = AccessKey("testing", "testing")


def make_client(moto: Moto, service: str, key: AccessKey = ADMIN) -> Any:
    client = botocore.session.Session().create_client(
        service,
        region_name=REGION,
        endpoint_url=moto.url,
        aws_access_key_id=key.access_key_id,
        aws_secret_access_key=key.secret_access_key,
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
    )
    client.meta.events.register("request-created", _without_account_in_host)
    return client


def _without_account_in_host(request: Any, **_event: Any) -> None:
    """S3 Control has a host for each account; moto's server has one, and reads the account in a header."""
    request.url = request.url.replace(f"//{ACCOUNT}.", "//")


def lenient_sessions(moto: Moto) -> Sessions:
    """Return clients that moto refuses nothing."""
    return Sessions(
        client=lambda service: make_client(moto, service),
        s3_of=lambda key: make_client(moto, "s3", key),
        plain_s3_of=lambda key: make_client(moto, "s3", key),
    )


def enforcing_sessions(moto: Moto) -> Sessions:
    """Return clients that refuse their callers what the policies do; Coffre's own credential may everything."""
    return Sessions(
        client=lambda service: make_client(moto, service),
        s3_of=lambda key: _bind(moto, key, is_tls=True),
        plain_s3_of=lambda key: _bind(moto, key, is_tls=False),
    )


def _bind(moto: Moto, key: AccessKey, *, is_tls: bool) -> Any:
    client, iam, s3 = make_client(moto, "s3", key), make_client(moto, "iam"), make_client(moto, "s3")
    user = iam.get_access_key_last_used(AccessKeyId=key.access_key_id)["UserName"]
    arn = iam.get_user(UserName=user)["User"]["Arn"]

    def refuse(params: Mapping[str, Any], model: Any, **_event: Any) -> None:
        bucket = params.get("Bucket")
        if bucket is None:
            raise _denied(model.name)
        names = iam.list_user_policies(UserName=user)["PolicyNames"]
        own = [iam.get_user_policy(UserName=user, PolicyName=name)["PolicyDocument"] for name in names]
        resource = f"arn:aws:s3:::{bucket}" + (f"/{params['Key']}" if "Key" in params else "")
        request = Request(arn, _action(model.name, params), resource, ACCOUNT, is_tls)
        if evaluate(request, _bucket_policy(s3, bucket), own) is not Decision.ALLOWED:
            raise _denied(model.name)

    client.meta.events.register("before-parameter-build.s3", refuse)
    return client


def _action(operation: str, params: Mapping[str, Any]) -> str:
    actions = [right.action for right in OPERATIONS[xform_name(operation)]]
    return next(action for action in actions if action.endswith("ObjectVersion") is ("VersionId" in params))


def _bucket_policy(s3: Any, bucket: str) -> Mapping[str, Any]:
    try:
        found: Mapping[str, Any] = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("NoSuchBucketPolicy", "NoSuchBucket"):
            raise
        return {}
    return found


def _denied(operation: str) -> ClientError:
    answer: Any = {"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
    return ClientError(answer, operation)
