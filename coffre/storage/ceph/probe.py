"""Probes of an RGW platform: with a user of their own that owns one small bucket without versions.

The user's key is on the platform only: who has the administrator's key reads it there, so no secret has to be kept.
"""

import base64
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from coffre.errors import RefusedError, RemoteError
from coffre.storage.ceph.api.admin import AdminClient
from coffre.storage.ceph.api.faults import UserAlreadyExistsError
from coffre.storage.ceph.exchange import FailedStepError, exchange, find_fault, is_of_this_computer, measure
from coffre.storage.probing import PROBE_NAME, ProbeResult, ProbeStep
from coffre.storage.s3.client import make_client
from coffre.storage.s3.faults import (
    AccessRefusedError,
    BucketAlreadyExistsError,
    GoneError,
    UnknownKeyError,
    UserSuspendedError,
    WallReachedError,
    s3_errors,
)
from coffre.storage.values import AccessKey, Endpoint

USER = BUCKET = PROBE_NAME
QUOTA_BYTES = 16 * 1024**2
"""The most that the user may store: what a stolen key of it is worth."""
_OF_OWN_USER = (AccessRefusedError, UnknownKeyError, UserSuspendedError, WallReachedError)
"""Refusals that say something about the probe's own user, and nothing about the service for customers."""
LEFT_AFTER = timedelta(hours=1)
"""An object of a probe that is older was left by a killed one."""
_EXPIRY = {
    "Rules": [{"ID": "left-by-killed-probes", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}]
}


class CephProbe:
    """The probe of one platform; implements Probe. One run at a time."""

    def __init__(self, endpoint: Endpoint, admin: AdminClient) -> None:
        self._endpoint, self._admin = endpoint, admin
        self._key: AccessKey | None = None

    def run(self, at: datetime) -> ProbeResult:
        began = time.monotonic()
        try:
            self._exchange(at)
        except FailedStepError as failure:
            return measure(at, began, failure)
        return measure(at, began)

    def _exchange(self, now: datetime) -> None:
        is_first = self._key is None
        try:
            exchange(self._endpoint, self._open(now), BUCKET)
        except FailedStepError as failure:
            if not isinstance(failure.__cause__, (*_OF_OWN_USER, GoneError)):
                raise
            # Somebody may have taken away the probe's own user, key or bucket: that is not the platform's fault.
            self._key = None
            if is_first:
                _tell_own(failure)
            try:
                key = self._open(now)
            except FailedStepError:
                raise failure from None
            try:
                exchange(self._endpoint, key, BUCKET)
            except FailedStepError as again:
                self._key = None
                _tell_own(again)

    def _open(self, now: datetime) -> AccessKey:
        """Return the key of the probe's user, made with its bucket if need be; what killed probes left is deleted."""
        if self._key is None:
            try:
                key = self._find_key() or self._make_user()
                self._settle_bucket(key, now)
            except RemoteError as error:
                if is_of_this_computer(error):
                    raise
                raise FailedStepError(ProbeStep.OPEN, find_fault(error)) from error
            self._key = key
        return self._key

    def _find_key(self) -> AccessKey | None:
        user = self._admin.find_user(USER)
        if user is not None and user.suspended:
            raise RefusedError(
                f"user {USER} is suspended on this platform, so Coffre cannot probe it",
                f"Enable it on the platform: `radosgw-admin user enable --uid={USER}`.",
            )
        return user.keys[0] if user is not None and user.keys else None

    def _make_user(self) -> AccessKey:
        with suppress(UserAlreadyExistsError):
            self._admin.create_user(USER, "Coffre: probes of availability", max_buckets=1)
        self._admin.set_quota(USER, QUOTA_BYTES)
        key = AccessKey(secrets.token_hex(10).upper(), base64.b32encode(secrets.token_bytes(30)).decode())
        self._admin.put_key(USER, key)
        return key

    def _settle_bucket(self, key: AccessKey, now: datetime) -> None:
        client = make_client(self._endpoint, key)
        try:
            self._ensure_bucket(client)
            with s3_errors(f"list bucket {BUCKET}", self._endpoint.url):
                found = client.list_objects_v2(Bucket=BUCKET).get("Contents", [])
                for left in [each for each in found if _is_left(each, now)]:
                    client.delete_object(Bucket=BUCKET, Key=left["Key"])
        finally:
            client.close()

    def _ensure_bucket(self, client: Any) -> None:
        try:
            with s3_errors(f"look for bucket {BUCKET}", self._endpoint.url):
                client.head_bucket(Bucket=BUCKET)
        except GoneError:
            with s3_errors(f"make bucket {BUCKET}", self._endpoint.url):
                client.create_bucket(Bucket=BUCKET)
                client.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration=_EXPIRY)
        except (AccessRefusedError, BucketAlreadyExistsError) as error:
            raise RefusedError(
                f"bucket {BUCKET} belongs to another user, so Coffre cannot probe this platform",
                f"Find out who made it: on a platform of Coffre it must belong to user {USER}.",
            ) from error


def _tell_own(failure: FailedStepError) -> NoReturn:
    """Raise RefusedError for a refusal of the probe's own user by a platform that answers, else the failure itself.

    An answer without a code of S3 is a failure: a proxy that refuses everybody gives one.
    """
    cause = failure.__cause__
    if not isinstance(cause, _OF_OWN_USER):
        raise failure
    raise RefusedError(
        f"the platform answers, and refuses user {USER} of the probes ({cause.code}), so Coffre cannot probe it",
        f"See the keys, the quota and the caps of {USER} on the platform, and the policy of bucket {BUCKET}; a user "
        "that is deleted there is made again by the next probe.",
    ) from failure


def _is_left(entry: Mapping[str, Any], now: datetime) -> bool:
    modified_at: datetime = entry["LastModified"]
    return now - modified_at.astimezone(UTC) > LEFT_AFTER
