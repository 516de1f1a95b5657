"""Looks at an AWS account without changing it: identity, clock, rights by simulation, public access, limits."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from coffre.spec.storage_platform import AwsPlatform
from coffre.storage.aws.checks.judge import Identity
from coffre.storage.aws.checks.sessions import Sessions
from coffre.storage.aws.faults import aws_errors
from coffre.storage.aws.names import USER_PATH, programs_bucket
from coffre.storage.aws.own_rights import Scope, list_actions
from coffre.storage.s3.answers import Progress, count, walk_pages, word
from coffre.storage.s3.faults import AbsurdAnswerError, AccessRefusedError, NotConfiguredError, S3Error

DEFAULT_BUCKET_LIMIT = 10_000
_BUCKETS_QUOTA = {"ServiceCode": "s3", "QuotaCode": "L-DC2B2D3D"}
_READ = "s3:GetObject"
_SCRATCH = "coffre-check-none"


@dataclass(frozen=True)
class Simulation:
    """IAM's answers about Coffre's rights, by action, and about the objects of customers."""

    allowed: Mapping[str, bool]
    reads_customers: bool


@dataclass(frozen=True)
class Limits:
    """How many buckets and users the account has and may have; ``is_default`` when AWS did not tell the first limit."""

    buckets: int
    bucket_limit: int
    is_default: bool
    users: int | None
    user_limit: int | None


def look_identity(sessions: Sessions) -> Identity:
    """Ask whose the credential is; measure the clock by the answer."""
    doing = "ask whose the credential is"
    sts = sessions.client("sts")
    began = datetime.now(UTC)
    with aws_errors(doing, sts.meta.endpoint_url):
        answer = sts.get_caller_identity()
        middle = began + (datetime.now(UTC) - began) / 2
        stated = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
        # The header has whole seconds, rounded down: half a second more is the middle.
        offset = None
        if stated is not None:
            offset = (parsedate_to_datetime(stated).astimezone(UTC) - middle).total_seconds() + 0.5
        return Identity(word(answer["Account"]), word(answer["Arn"]), offset)


def look_public_access(sessions: Sessions, account: str) -> tuple[Mapping[str, bool] | None, str]:
    """Return the account's switches, None when they were never set; and the code of a refusal, if any."""
    control = sessions.client("s3control")
    try:
        with aws_errors("read the account's Block Public Access", control.meta.endpoint_url):
            answer = control.get_public_access_block(AccountId=account)
            return {str(name): value is True for name, value in answer["PublicAccessBlockConfiguration"].items()}, ""
    except NotConfiguredError:
        return None, ""
    except S3Error as refusal:
        return None, refusal.code


def look_limits(sessions: Sessions) -> Limits:
    """Count the account's buckets and users, and ask for the limits of both."""
    s3 = sessions.client("s3")
    doing = "count the buckets of the account"
    buckets, progress = 0, Progress(doing)
    with aws_errors(doing, s3.meta.endpoint_url):
        for page in s3.get_paginator("list_buckets").paginate():
            buckets += len(page.get("Buckets", []))
            if page.get("ContinuationToken"):
                progress.go_on(page["ContinuationToken"])
    bucket_limit = _bucket_limit(sessions)
    users, user_limit = _user_limits(sessions)
    return Limits(buckets, bucket_limit or DEFAULT_BUCKET_LIMIT, bucket_limit is None, users, user_limit)


def _bucket_limit(sessions: Sessions) -> int | None:
    quotas = sessions.client("service-quotas")
    try:
        with aws_errors("ask for the limit of buckets", quotas.meta.endpoint_url):
            return int(quotas.get_service_quota(**_BUCKETS_QUOTA)["Quota"]["Value"])
    except (S3Error, AbsurdAnswerError):
        return None


def _user_limits(sessions: Sessions) -> tuple[int | None, int | None]:
    iam = sessions.client("iam")
    try:
        with aws_errors("count the users of the account", iam.meta.endpoint_url):
            summary = iam.get_account_summary()["SummaryMap"]
            return count(summary["Users"]), count(summary["UsersQuota"])
    except AccessRefusedError:
        return None, None


def simulate_rights(sessions: Sessions, identity: Identity, platform: AwsPlatform) -> Simulation | None:
    """Let IAM simulate every right that Coffre needs; None when IAM does not do it for this identity."""
    iam = sessions.client("iam")
    try:
        with aws_errors("simulate Coffre's rights", iam.meta.endpoint_url):
            arn = _policy_source(iam, identity.arn)
            if arn is None:
                return None
            allowed: dict[str, bool] = {}
            for scope, resource in _places(platform).items():
                for action, is_allowed in _simulate(iam, arn, list_actions(scope), resource, platform).items():
                    allowed[action] = allowed.get(action, True) and is_allowed
            customers = _simulate(iam, arn, [_READ], f"arn:aws:s3:::{_SCRATCH}/restic/config", platform)
            return Simulation(allowed, customers.get(_READ, False))
    except (S3Error, AbsurdAnswerError):
        return None


def _places(platform: AwsPlatform) -> Mapping[Scope, str]:
    bucket = f"arn:aws:s3:::{_SCRATCH}"
    return {
        Scope.ACCOUNT: "*",
        Scope.USERS: f"arn:aws:iam::{platform.account}:user{USER_PATH}{_SCRATCH}",
        Scope.NEW_BUCKET: bucket,
        Scope.USER_READS: f"arn:aws:iam::{platform.account}:user/{_SCRATCH}",
        Scope.BUCKETS: bucket,
        Scope.PROGRAMS: f"arn:aws:s3:::{programs_bucket(platform.account, platform.region)}/restic/x",
    }


def _policy_source(iam: Any, arn: str) -> str | None:
    """Return the ARN whose policies IAM simulates; a session of a role does not tell the role's path."""
    if ":user/" in arn:
        return arn
    if ":assumed-role/" in arn:
        return word(iam.get_role(RoleName=arn.split("/")[1])["Role"]["Arn"])
    return None


def _simulate(iam: Any, arn: str, actions: list[str], resource: str, platform: AwsPlatform) -> dict[str, bool]:
    known = {"aws:RequestedRegion": platform.region, "s3:ResourceAccount": platform.account}
    context = [
        {"ContextKeyName": key, "ContextKeyValues": [value], "ContextKeyType": "string"} for key, value in known.items()
    ]
    pages = iam.get_paginator("simulate_principal_policy").paginate(
        PolicySourceArn=arn, ActionNames=actions, ResourceArns=[resource], ContextEntries=context
    )
    found = {}
    for page in walk_pages(pages, "simulate Coffre's rights", "Marker"):
        for result in page.get("EvaluationResults", []):
            found[word(result["EvalActionName"])] = result["EvalDecision"] == "allowed"
    return {action: found[action] for action in actions if action in found}
