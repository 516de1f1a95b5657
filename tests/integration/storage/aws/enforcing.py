"""Clients of moto's server that refuse what the live policies refuse, by the tests' own evaluator.

moto's own enforcement is of no use for buckets: it asks a bucket's policy without the caller, so that every Allow is
for everybody, and a Deny with a condition that it does not know is for everybody too.
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import botocore.session
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError

from coffre.storage.aws.checks.sessions import Sessions
from coffre.storage.aws.names import USER_PATH
from coffre.storage.aws.own_rights import OPERATIONS, Scope, own_policy
from coffre.storage.values import AccessKey
from tests.contracts.isolation import action_of
from tests.moto_server import ACCOUNT, REGION, Moto
from tests.policy_evaluator import Decision, Request, evaluate

ADMIN = AccessKey("testing", "testing")
COFFRE = f"arn:aws:iam::{ACCOUNT}:user/coffre-admin"


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
    """Return clients that refuse their callers what the policies do, and Coffre what its own policy does not allow."""
    return Sessions(
        client=lambda service: _bind_coffre(moto, service),
        s3_of=lambda key: bind(moto, key),
        plain_s3_of=lambda key: bind(moto, key, is_tls=False),
    )


def _bind_coffre(moto: Moto, service: str) -> Any:
    """Return a client with the rights that `coffre platform policy` prints, for the services that matter here."""
    client = make_client(moto, service)

    def refuse(params: Mapping[str, Any], model: Any, **_event: Any) -> None:
        resource = _resource(params)
        actions = [right.action for right in OPERATIONS[xform_name(model.name)] if right.scope is not Scope.TENANT]
        for action in actions:
            request = Request(COFFRE, action, resource, ACCOUNT, region=REGION)
            if evaluate(request, {}, [own_policy(ACCOUNT, REGION)]) is Decision.ALLOWED:
                return
        raise _denied(model.name)

    if service in ("iam", "s3"):
        client.meta.events.register(f"before-parameter-build.{service}", refuse)
    return client


def _resource(params: Mapping[str, Any]) -> str:
    if "UserName" in params:
        return f"arn:aws:iam::{ACCOUNT}:user{USER_PATH}{params['UserName']}"
    if "PolicySourceArn" in params:
        return str(params["PolicySourceArn"])
    if "Bucket" in params:
        return f"arn:aws:s3:::{params['Bucket']}" + (f"/{params['Key']}" if "Key" in params else "")
    return "*"


def bind(moto: Moto, key: AccessKey, *, is_tls: bool = True) -> Any:
    """Return an S3 client with the rights of the user who has this key."""
    client, iam, s3 = make_client(moto, "s3", key), make_client(moto, "iam"), make_client(moto, "s3")
    user = iam.get_access_key_last_used(AccessKeyId=key.access_key_id)["UserName"]
    arn = iam.get_user(UserName=user)["User"]["Arn"]

    def refuse(params: Mapping[str, Any], model: Any, **_event: Any) -> None:
        bucket = params.get("Bucket")
        if bucket is None:
            raise _denied(model.name)
        names = iam.list_user_policies(UserName=user)["PolicyNames"]
        own = [iam.get_user_policy(UserName=user, PolicyName=name)["PolicyDocument"] for name in names]
        live = _bucket_policy(s3, bucket)
        for action, resource in _needs(model.name, params):
            if evaluate(Request(arn, action, resource, ACCOUNT, is_tls), live, own) is not Decision.ALLOWED:
                raise _denied(model.name)

    client.meta.events.register("before-parameter-build.s3", refuse)
    return client


def _needs(operation: str, params: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the actions that a call needs, each with its resource."""
    method = xform_name(operation)
    whole = f"arn:aws:s3:::{params['Bucket']}"
    if method == "delete_objects":
        return [("s3:DeleteObject", f"{whole}/{each['Key']}") for each in params["Delete"]["Objects"]]
    known = action_of(method, is_versioned="VersionId" in params)
    action = known or next(right.action for right in OPERATIONS[method] if not right.action.endswith("Version"))
    needs = [(action, f"{whole}/{params['Key']}" if "Key" in params else whole)]
    if method == "copy_object":
        needs.append(("s3:GetObject", f"arn:aws:s3:::{unquote(params['CopySource'])}"))
    return needs


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
