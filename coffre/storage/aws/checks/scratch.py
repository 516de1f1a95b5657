"""The test users and the test bucket of a check: created and always removed; the next check removes leftovers."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from coffre.errors import ExpectedError, RemoteError
from coffre.spec.storage_platform import AwsPlatform
from coffre.storage.aws.checks.sessions import Sessions
from coffre.storage.aws.faults import NoSuchEntityError, aws_errors
from coffre.storage.aws.names import MACHINE_POLICY, USER_PATH, programs_bucket
from coffre.storage.aws.policy import bucket_statements, machine_policy
from coffre.storage.aws.protection import NOTHING_PUBLIC, OWNER_ENFORCED, VERSIONING, place_of
from coffre.storage.s3 import policy
from coffre.storage.s3.answers import VERSION_MARKERS, walk_pages, word
from coffre.storage.s3.faults import AccessRefusedError, GoneError, S3Error, UnknownKeyError
from coffre.storage.trying import Patience, empty, is_abandoned, is_checks_own, new_name, users_of
from coffre.storage.values import AccessKey

ABANDONED_AFTER = timedelta(minutes=30)
"""A check takes some minutes at most; older users belong to an interrupted check."""

PATIENCE = Patience(seconds=60.0, pause_seconds=0.5)
"""Changes of IAM and of policies arrive within seconds."""


@dataclass
class Rights:
    """The actions of IAM that were done, and those that AWS refused."""

    done: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)

    def attempt(self, action: str, call: Callable[[], Any], doing: str, url: str) -> Any:
        """Do something that needs one action, and note whether AWS permits it."""
        try:
            with aws_errors(doing, url):
                answer = call()
        except AccessRefusedError:
            self.refused.add(action)
            raise
        self.done.add(action)
        return answer


@dataclass(frozen=True)
class Scratch:
    """An owner with a protected, versioned bucket, a machine's user and a stranger's, each with an S3 client."""

    name: str
    account: str
    owner_key: AccessKey
    owner: Any
    machine: Any
    stranger: Any
    location: str | None

    @property
    def bucket(self) -> dict[str, str]:
        """The arguments by which every call names the bucket, and the account that must own it."""
        return {"Bucket": self.name, "ExpectedBucketOwner": self.account}


@contextmanager
def scratch(sessions: Sessions, platform: AwsPlatform, rights: Rights, now: datetime) -> Iterator[Scratch]:
    """Create a check's users and bucket for the block, and remove them also after an error or Ctrl-C."""
    name, builder = new_name(now), _Builder(sessions, platform, rights)
    clients: list[Any] = []
    try:
        keys = [builder.make_user(uid) for uid in users_of(name)]
        clients += [sessions.s3_of(key) for key in keys]
        location = builder.make_bucket(name)
        for client in clients:
            _wait_until_known(client)
        owner, machine, stranger = clients
        yield Scratch(name, platform.account, keys[0], owner, machine, stranger, location)
    finally:
        for client in clients:
            client.close()
        builder.remove(name)


def remove_abandoned(
    sessions: Sessions, platform: AwsPlatform, rights: Rights, now: datetime, on_progress: Callable[[str], None]
) -> int:
    """Remove the leftovers of earlier checks; returns the number of removed checks."""
    builder = _Builder(sessions, platform, rights)
    names = {uid.split(".")[0] for uid in builder.list_users() if is_abandoned(uid, now, ABANDONED_AFTER)}
    for name in sorted(names):
        on_progress(f"removing {name}, left by an earlier check")
        builder.remove(name)
    return len(names)


class _Builder:
    """Creates and removes a check's users and bucket with Coffre's own credential."""

    def __init__(self, sessions: Sessions, platform: AwsPlatform, rights: Rights) -> None:
        self._sessions = sessions
        self._platform = platform
        self._rights = rights
        self._iam = sessions.client("iam")
        self._s3 = sessions.client("s3")

    def list_users(self) -> list[str]:
        doing = "list Coffre's IAM users"
        pages = self._iam.get_paginator("list_users").paginate(PathPrefix=USER_PATH)

        def walk() -> list[str]:
            return [word(user["UserName"]) for page in walk_pages(pages, doing, "Marker") for user in page["Users"]]

        found: list[str] = self._do("iam:ListUsers", walk, doing)
        return found

    def make_user(self, uid: str) -> AccessKey:
        self._do("iam:CreateUser", lambda: self._iam.create_user(UserName=uid, Path=USER_PATH), f"create user {uid}")
        return self._make_key(uid)

    def make_bucket(self, name: str) -> str | None:
        """Create the bucket with every protection of a machine's; returns its region as AWS names it."""
        account, region, s3 = self._platform.account, self._platform.region, self._s3
        place = place_of(region)
        bucket = {"Bucket": name, "ExpectedBucketOwner": account}
        owner, machine, _ = users_of(name)
        statements = policy.document(bucket_statements(account, name, owner, machine))
        own = json.dumps(machine_policy(account, name, programs_bucket(account, region)))
        steps: list[tuple[str, Callable[[], Any]]] = [
            ("s3:CreateBucket", lambda: s3.create_bucket(Bucket=name, **place)),
            (
                "s3:PutBucketVersioning",
                lambda: s3.put_bucket_versioning(**bucket, VersioningConfiguration={"Status": VERSIONING}),
            ),
            (
                "s3:PutBucketPublicAccessBlock",
                lambda: s3.put_public_access_block(**bucket, PublicAccessBlockConfiguration=NOTHING_PUBLIC),
            ),
            (
                "s3:PutBucketOwnershipControls",
                lambda: s3.put_bucket_ownership_controls(**bucket, OwnershipControls=OWNER_ENFORCED),
            ),
            (
                "iam:PutUserPolicy",
                lambda: self._iam.put_user_policy(UserName=machine, PolicyName=MACHINE_POLICY, PolicyDocument=own),
            ),
        ]
        for action, call in steps:
            self._do(action, call, f"make bucket {name}")
        self._put_policy(bucket, statements)
        answer = self._do("s3:GetBucketLocation", lambda: s3.get_bucket_location(**bucket), f"ask for bucket {name}")
        location = answer.get("LocationConstraint")
        return None if location is None else word(location)

    def remove(self, name: str) -> None:
        """Delete a check's bucket, then its users, and nothing else; what is missing is not an error.

        The bucket goes first: its objects are deleted with its owner's key, since Coffre's own may not.
        """
        if not is_checks_own(name) or "." in name:
            raise ValueError(f"{name} is not the name of a platform check")
        self._remove_bucket(name)
        for uid in reversed(users_of(name)):
            self._remove_user(uid)

    def _put_policy(self, bucket: dict[str, str], statements: policy.PolicyDocument) -> None:
        """Write the bucket's policy: until IAM's new users are known everywhere, S3 refuses one that names them."""
        text = policy.render(statements)

        def is_taken() -> bool:
            try:
                self._do(
                    "s3:PutBucketPolicy",
                    lambda: self._s3.put_bucket_policy(**bucket, Policy=text),
                    f"write the policy of bucket {bucket['Bucket']}",
                )
            except S3Error as refusal:
                if refusal.code != "MalformedPolicy":
                    raise
                return False
            return True

        if PATIENCE.wait_until(is_taken) is None:
            raise RemoteError(
                f"S3 does not accept a policy with new IAM users after {PATIENCE.seconds:.0f} s",
                "Run the check again; if this stays, ask AWS.",
            )

    def _remove_bucket(self, name: str) -> None:
        bucket = {"Bucket": name, "ExpectedBucketOwner": self._platform.account}
        try:
            with aws_errors(f"look for bucket {name}", self._s3.meta.endpoint_url):
                self._s3.get_bucket_location(**bucket)
        except GoneError:
            return
        key = self._make_key(name, replaces=True)
        owner = self._sessions.s3_of(key)
        try:
            _wait_until_known(owner)
            with aws_errors(f"empty bucket {name}", owner.meta.endpoint_url):
                _empty(owner, bucket)
        finally:
            owner.close()
        self._do("s3:DeleteBucket", lambda: self._s3.delete_bucket(**bucket), f"delete bucket {name}")

    def _remove_user(self, uid: str) -> None:
        iam, doing = self._iam, f"remove user {uid}"
        steps: list[tuple[str, Callable[[], Any]]] = [
            *(
                ("iam:DeleteAccessKey", lambda key=key: iam.delete_access_key(UserName=uid, AccessKeyId=key))
                for key in self._list_keys(uid)
            ),
            ("iam:DeleteUserPolicy", lambda: iam.delete_user_policy(UserName=uid, PolicyName=MACHINE_POLICY)),
            ("iam:DeleteUser", lambda: iam.delete_user(UserName=uid)),
        ]
        for action, call in steps:
            try:
                self._do(action, call, doing)
            except NoSuchEntityError:
                continue

    def _list_keys(self, uid: str) -> list[str]:
        try:
            answer = self._do(
                "iam:ListAccessKeys", lambda: self._iam.list_access_keys(UserName=uid), f"list the keys of {uid}"
            )
        except NoSuchEntityError:
            return []
        return [word(key["AccessKeyId"]) for key in answer["AccessKeyMetadata"]]

    def _make_key(self, uid: str, *, replaces: bool = False) -> AccessKey:
        """Let AWS create a key. A user has two at most: with ``replaces`` the others go first."""
        for old in self._list_keys(uid) if replaces else []:
            with aws_errors(f"delete a key of {uid}", self._iam.meta.endpoint_url):
                self._iam.delete_access_key(UserName=uid, AccessKeyId=old)
        answer = self._do(
            "iam:CreateAccessKey", lambda: self._iam.create_access_key(UserName=uid), f"create a key of {uid}"
        )
        return AccessKey(word(answer["AccessKey"]["AccessKeyId"]), word(answer["AccessKey"]["SecretAccessKey"]))

    def _do(self, action: str, call: Callable[[], Any], doing: str) -> Any:
        service = self._iam if action.startswith("iam:") else self._s3
        return self._rights.attempt(action, call, doing, service.meta.endpoint_url)


def _wait_until_known(client: Any) -> None:
    """Wait until S3 knows a new key: IAM tells it within seconds."""

    def is_known() -> bool:
        try:
            with aws_errors("ask S3 with a new key", client.meta.endpoint_url):
                client.list_buckets()
        except UnknownKeyError:
            return False
        except AccessRefusedError:
            return True
        return True

    if PATIENCE.wait_until(is_known) is None:
        raise ExpectedError(
            f"S3 does not know a new access key after {PATIENCE.seconds:.0f} s",
            "Run the check again; if this stays, ask AWS.",
        )


def _empty(owner: Any, bucket: dict[str, str]) -> None:
    doing = f"list {bucket['Bucket']}"
    pages = owner.get_paginator("list_object_versions").paginate(**bucket)
    empty(owner, bucket, walk_pages(pages, doing, *VERSION_MARKERS))
