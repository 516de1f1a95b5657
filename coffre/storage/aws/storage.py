"""One AWS account and region with Coffre's own credential; implements the driver's Storage."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from pathlib import Path

from coffre.storage.aws import keys, witness
from coffre.storage.aws.buckets import AccountBuckets
from coffre.storage.aws.iam import Iam
from coffre.storage.aws.names import AwsPrincipals
from coffre.storage.aws.programs import AwsProgramShelf
from coffre.storage.aws.session import AwsSession
from coffre.storage.aws.waiting import wait_until
from coffre.storage.s3 import sharing
from coffre.storage.s3.answers import reading
from coffre.storage.s3.bucket import S3Bucket
from coffre.storage.s3.client import ClientCache, make_client
from coffre.storage.s3.eraser import S3BucketEraser
from coffre.storage.s3.faults import AccessRefusedError, GoneError, s3_errors
from coffre.storage.survey import SurveyedUser
from coffre.storage.values import (
    AccessKey,
    BucketFacts,
    DailyFigure,
    Endpoint,
    OwnerFacts,
    PlatformAwayError,
    Publication,
    SharedUpload,
)
from coffre.workspace.clock import utc_now

SPREAD_SECONDS = 60.0
"""The longest time that a change of IAM is waited for; AWS says seconds (eventual consistency)."""


class AwsStorage:
    """Uses IAM for users, S3 for buckets, STS to test keys; safe to use from many threads."""

    def __init__(self, session: AwsSession, spread_seconds: float = SPREAD_SECONDS) -> None:
        self._session = session
        self._spread_seconds = spread_seconds
        self._iam = Iam(session)
        self._buckets = AccountBuckets(session)
        self._shelf = AwsProgramShelf(session)
        self._names = AwsPrincipals(session.account)
        self._deleted_keys: set[str] = set()

    @property
    def endpoint(self) -> Endpoint:
        return self._session.endpoint

    @cached_property
    def _clients(self) -> ClientCache:
        return ClientCache(self.endpoint)

    # The platform.

    def list_platform_ids(self) -> list[str]:
        self._session.confirm_account()
        return [f"aws:{self._session.account}:{self._session.region}"]

    def probe_server_time(self) -> datetime:
        answer = self._session.ask_identity()
        with reading("ask AWS for its time"):
            return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]).astimezone(UTC)

    def find_daily_bytes(self, bucket: str) -> DailyFigure | None:
        return witness.find_daily_bytes(self._session, bucket, utc_now())

    # Users.

    def find_owner(self, uid: str, exact: bool = True) -> OwnerFacts | None:
        """Return a user's facts; there is no wall. Without ``exact`` the bytes are CloudWatch's if it has any.

        A user is suspended when it has keys and none is active: IAM cannot suspend a user itself.
        """
        user = self._iam.survey(uid)
        if user is None:
            return None
        owned = self.list_owned_buckets(uid)
        return OwnerFacts(
            uid=uid,
            wall_bytes=None,
            used_bytes=sum(self.stored_bytes(name) if exact else self._recent_bytes(name) for name in owned),
            suspended=user.is_suspended,
            buckets=tuple(owned),
        )

    def list_users(self, prefix: str) -> list[str]:
        return self._iam.list_users(prefix)

    def survey_user(self, uid: str) -> SurveyedUser | None:
        return self._iam.survey(uid)

    def lift_bucket_quota(self, uid: str, bucket: str | None) -> None:
        raise NotImplementedError(f"S3 has no quota of a bucket ({uid}, {bucket})")

    def list_key_ids(self, uid: str) -> list[str]:
        return [key.access_key_id for key in self._iam.list_keys(uid)]

    def add_key(self, uid: str, key: AccessKey) -> None:
        raise NotImplementedError(f"AWS generates the keys of {uid}")

    def create_key(self, uid: str) -> AccessKey:
        """Let AWS generate a key, and wait until it is accepted; one that is not accepted in time is deleted again."""
        key = self._iam.create_key(uid)
        try:
            is_accepted = wait_until(lambda: self._is_accepted(key), self._spread_seconds)
        except BaseException:
            self._iam.delete_key(uid, key.access_key_id)
            raise
        if not is_accepted:
            self._iam.delete_key(uid, key.access_key_id)
            raise PlatformAwayError(
                f"create an access key of IAM user {uid}: AWS does not accept the new key after "
                f"{self._spread_seconds:.0f} s, so Coffre deleted it again",
                "Wait some minutes, then run the same command again.",
            )
        return key

    def delete_key(self, uid: str, access_key_id: str) -> None:
        self._iam.delete_key(uid, access_key_id)
        self._deleted_keys.add(access_key_id)

    def suspend_user(self, uid: str, suspended: bool) -> bool:
        """Disable or enable all keys of a user. A key that is created later is active."""
        if not suspended:
            self._iam.refuse_missing(uid, f"enable IAM user {uid}")
        changing = [key for key in self._iam.list_keys(uid) if key.is_active is suspended]
        for key in changing:
            self._iam.set_active(uid, key.access_key_id, not suspended)
        return bool(changing)

    def delete_user(self, uid: str) -> None:
        self._deleted_keys.update(self.list_key_ids(uid))
        self._iam.delete_user(uid)

    def open_owner_eraser(self, uid: str) -> None:
        """Return None: an owner has buckets only, which have their own eraser."""

    @contextmanager
    def extra_room(self, uid: str, extra_bytes: int) -> Iterator[None]:  # noqa: ARG002 - there is no wall
        yield

    def lower_wall(self, uid: str, wall_bytes: int) -> bool:  # noqa: ARG002 - there is no wall
        return False

    # Buckets.

    def open_bucket(self, name: str, key: AccessKey) -> S3Bucket:
        return S3Bucket(name, self._clients.get(key), self._names)

    def open_eraser(self, name: str, key: AccessKey) -> S3BucketEraser:
        return S3BucketEraser(name, self.endpoint, key, self._clients.get(key))

    def find_bucket(self, name: str) -> BucketFacts | None:
        """Return a bucket's facts, counted by a listing; its ``lifetime_id`` is the second of its creation.

        AWS has no other identity of a bucket, nor one of its index.
        """
        return self._buckets.find(name)

    def list_bucket_facts(self, uid: str) -> list[BucketFacts]:
        """Return the facts of a user's buckets, each counted by a listing: AWS has no other way, and no mark."""
        found = [self._buckets.find(name) for name in self._buckets.list_owned(uid)]
        return [each for each in found if each is not None]

    def list_owned_buckets(self, uid: str) -> list[str]:
        return self._buckets.list_owned(uid)

    def stored_bytes(self, bucket: str) -> int:
        return self._buckets.stored_bytes(bucket)

    # The witness.

    keeps_bucket_records = False

    def list_leftovers(self, buckets: Collection[str]) -> list[str]:
        """Return the names among these that still answer for the account: AWS shows nothing of a deleted bucket."""
        return sorted(name for name in buckets if self._buckets.answers(name))

    def list_reachable_buckets(self, key: AccessKey) -> list[str]:
        """Return the buckets that answer to a key, among those of the account whose names begin with its tenant's slug.

        A tenant's user may not list the account's buckets, so Coffre's own credential names them, and the key asks for
        each one.
        """
        names = self._buckets.list_candidates(keys.find_arn(self._session, key))
        return [name for name in names if self._is_reachable(name, key)]

    def accepts_key(self, bucket: str, key: AccessKey) -> bool:  # noqa: ARG002 - no bucket is needed
        """Tell whether AWS accepts a key; it does not tell an inactive key from an unknown one.

        A key that this process deleted may be accepted for some seconds more: that is waited for.
        """
        if key.access_key_id in self._deleted_keys:
            return not wait_until(lambda: not keys.is_known(self._session, key), self._spread_seconds)
        return keys.is_known(self._session, key)

    # Programs for machines.

    def publish_program(self, path: Path, sha256: str, *, proves: bool = False) -> Publication:
        return self._shelf.publish(path, sha256, proves=proves)

    def share_program(self, sha256: str, seconds: int) -> str:
        return self._shelf.share(sha256, seconds)

    def read_program_sha256(self, sha256: str, limit_bytes: int) -> str | None:
        return self._shelf.read_sha256(sha256, limit_bytes)

    def share_upload(self, bucket: str, key: AccessKey, object_key: str, size_bytes: int, seconds: int) -> SharedUpload:
        return sharing.share_upload(self.endpoint, (bucket, object_key), key, size_bytes, seconds)

    def share_download(self, bucket: str, key: AccessKey, object_key: str, seconds: int) -> str:
        return sharing.share_download(self.endpoint, (bucket, object_key), key, seconds)

    def _is_accepted(self, key: AccessKey) -> bool:
        return keys.is_known(self._session, key) and keys.is_known_to_s3(self._session, key)

    def _is_reachable(self, name: str, key: AccessKey) -> bool:
        client = make_client(self.endpoint, key)
        try:
            with s3_errors(f"ask for bucket {name}", self.endpoint.url):
                client.head_bucket(Bucket=name)
        except (GoneError, AccessRefusedError):
            return False
        return True

    def _recent_bytes(self, name: str) -> int:
        """Return a bucket's daily size, else by a listing: on its first day, or without the right to ask CloudWatch."""
        try:
            figure = self.find_daily_bytes(name)
        except AccessRefusedError:
            figure = None
        return self.stored_bytes(name) if figure is None else figure.stored_bytes
