"""What AWS has of a tenant's storage: users, buckets and their settings, and what the program has to know of it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from coffre.errors import RefusedError
from coffre.storage.aws.faults import NoSuchEntityError, aws_errors
from coffre.storage.aws.iam import Iam
from coffre.storage.aws.layout import StorageLayout
from coffre.storage.aws.names import MACHINE_POLICY
from coffre.storage.aws.session import AwsSession
from coffre.storage.s3 import lifecycle, policy
from coffre.storage.s3.faults import AccessRefusedError, GoneError, NotConfiguredError
from coffre.storage.values import TENANT_ID_TAG

_THREADS = 8


@dataclass(frozen=True)
class LiveUser:
    """An IAM user: its tags, and its inline policy by the name that Coffre gives it."""

    tags: Mapping[str, str]
    document: policy.PolicyDocument = field(default_factory=dict)


@dataclass(frozen=True)
class LiveBucket:
    """A bucket's settings; what is not set is None or empty."""

    tags: Mapping[str, str]
    versioning: str | None
    public_access_block: Mapping[str, Any] | None
    ownership: str | None
    encryption: str | None
    rules: Mapping[str, lifecycle.Rule]
    document: policy.PolicyDocument
    is_empty: bool


@dataclass(frozen=True)
class Live:
    """The existing users and buckets of a layout, by name."""

    users: Mapping[str, LiveUser]
    buckets: Mapping[str, LiveBucket]


@dataclass(frozen=True)
class Found:
    """What the program has to know: the existing things to import, and each bucket's switches that are on.

    ``untagged`` are those to import that lack their tags: the next run gives them.
    """

    to_import: frozenset[str] = frozenset()
    untagged: frozenset[str] = frozenset()
    switches: Mapping[str, Mapping[str, policy.PolicyStatement]] = field(default_factory=dict)


def read_live(session: AwsSession, layout: StorageLayout) -> Live:
    """Read the users and buckets of a layout, in parallel. RefusedError for a bucket of another account."""
    machines = [machine.user for machine in layout.machines if machine.user is not None]
    names = [machine.bucket for machine in layout.machines]
    session.confirm_account()
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="live") as threads:
        users = [threads.submit(read_user, session, name, name in machines) for name in (layout.owner, *machines)]
        buckets = [threads.submit(read_bucket, session, name) for name in names]
        found_users = dict(zip((layout.owner, *machines), (each.result() for each in users), strict=True))
        found_buckets = dict(zip(names, (each.result() for each in buckets), strict=True))
    return Live(
        {name: user for name, user in found_users.items() if user is not None},
        {name: bucket for name, bucket in found_buckets.items() if bucket is not None},
    )


def read_user(session: AwsSession, name: str, has_policy: bool) -> LiveUser | None:
    """Return a user; None when there is none."""
    if not Iam(session).has_user(name):
        return None
    iam = session.client("iam")
    try:
        with aws_errors(f"read user {name}", iam.meta.endpoint_url):
            tags = iam.list_user_tags(UserName=name)["Tags"]
    except NoSuchEntityError:
        return None
    document: policy.PolicyDocument = {}
    if has_policy:
        try:
            with aws_errors(f"read the policy of user {name}", iam.meta.endpoint_url):
                document = dict(iam.get_user_policy(UserName=name, PolicyName=MACHINE_POLICY)["PolicyDocument"])
        except NoSuchEntityError:
            document = {}
    return LiveUser(_tags(tags), document)


def read_bucket(session: AwsSession, name: str) -> LiveBucket | None:
    """Return a bucket with its settings; None when the account has none of this name."""
    s3: Any = session.s3()

    def ask(what: str, call: Callable[..., Any], default: Any = None) -> Any:
        try:
            with aws_errors(f"read the {what} of bucket {name}", s3.meta.endpoint_url):
                return call(Bucket=name)
        except NotConfiguredError:
            return default or {}

    try:
        with aws_errors(f"look for bucket {name}", s3.meta.endpoint_url):
            s3.head_bucket(Bucket=name)
    except GoneError:
        return None
    except AccessRefusedError as refusal:
        raise RefusedError(
            f"bucket {name} belongs to another AWS account, or Coffre has no right to see it",
            "Names of buckets are unique in all of AWS: ask AWS who has it, or correct Coffre's rights with "
            "`coffre platform policy`.",
        ) from refusal
    rules = ask("lifecycle", s3.get_bucket_lifecycle_configuration).get("Rules", [])
    document = ask("policy", s3.get_bucket_policy).get("Policy")
    ownership = ask("ownership", s3.get_bucket_ownership_controls).get("OwnershipControls", {}).get("Rules", [])
    encryption = ask("encryption", s3.get_bucket_encryption).get("ServerSideEncryptionConfiguration", {})
    listed = ask("versions", lambda Bucket: s3.list_object_versions(Bucket=Bucket, MaxKeys=1))  # noqa: N803
    return LiveBucket(
        tags=_tags(ask("tags", s3.get_bucket_tagging).get("TagSet", [])),
        versioning=ask("versioning", s3.get_bucket_versioning).get("Status"),
        public_access_block=ask("access block", s3.get_public_access_block).get("PublicAccessBlockConfiguration"),
        ownership=next((str(rule["ObjectOwnership"]) for rule in ownership), None),
        encryption=next(
            (
                str(rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"])
                for rule in encryption.get("Rules", [])
                if "ApplyServerSideEncryptionByDefault" in rule
            ),
            None,
        ),
        rules=lifecycle.by_id(rules),
        document=policy.parse(document) if document else {},
        is_empty=not listed.get("Versions") and not listed.get("DeleteMarkers"),
    )


def find(layout: StorageLayout, live: Live, recorded: Collection[str]) -> Found:
    """Return what the program has to know; ``recorded`` are the names of the resources in the stack's state. Pure.

    RefusedError for a bucket or user that is neither in the state nor this tenant's by its tags. A killed run can leave
    an empty bucket without tags.
    """
    to_import = []
    things: Sequence[tuple[str, Mapping[str, str], bool]] = [
        *((name, user.tags, False) for name, user in live.users.items()),
        *((name, bucket.tags, bucket.is_empty and not bucket.tags) for name, bucket in live.buckets.items()),
    ]
    for name, tags, is_leftover in things:
        if name in recorded:
            continue
        if tags.get(TENANT_ID_TAG) != layout.tags[TENANT_ID_TAG] and not is_leftover:
            raise RefusedError(
                f"{name} exists in AWS account {layout.account} and is not tagged as this tenant's: it is left alone",
                "Find out who made it. If it is this tenant's, tag it "
                f"{TENANT_ID_TAG}={layout.tags[TENANT_ID_TAG]} and apply again.",
            )
        to_import.append(name)
    switches = {
        name: {sid: each for sid, each in policy.by_sid(bucket.document).items() if sid in policy.SWITCH_SIDS}
        for name, bucket in live.buckets.items()
    }
    untagged = frozenset(name for name, tags, _ in things if name in to_import and dict(tags) != dict(layout.tags))
    return Found(frozenset(to_import), untagged, switches)


def _tags(listed: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {str(each["Key"]): str(each["Value"]) for each in listed}
