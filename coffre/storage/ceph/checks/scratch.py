"""The test users and the test bucket of a check: created and always removed; the next check removes leftovers.

No tenant has such a name: a slug and an id never make ``coffre-check-`` and a time.
"""

import base64
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from coffre.storage.ceph.api.admin import AdminClient
from coffre.storage.s3.client import make_client
from coffre.storage.s3.faults import GoneError, s3_errors
from coffre.storage.values import AccessKey, Endpoint

PREFIX = "coffre-check-"
ABANDONED_AFTER = timedelta(minutes=15)
"""A check takes one minute at most; older users belong to an interrupted check."""

_NAME = re.compile(rf"{PREFIX}(?P<at>[0-9]{{8}}t[0-9]{{6}}z)-[0-9a-f]{{8}}(\.(machine|stranger))?")
_MOMENT = "%Y%m%dt%H%M%Sz"


@dataclass(frozen=True)
class Scratch:
    """An owner with a versioned bucket, a machine's user and a stranger's, each with an S3 client."""

    owner_uid: str
    machine_uid: str
    stranger_uid: str
    bucket: str
    owner_key: AccessKey
    owner: Any
    machine: Any
    stranger: Any
    url: str


def name_of(moment: datetime) -> str:
    """Return a new name for a check's users and bucket; the time in it shows later how old they are."""
    return f"{PREFIX}{moment.astimezone(UTC):{_MOMENT}}-{secrets.token_hex(4)}"


def is_abandoned(uid: str, now: datetime) -> bool:
    """Tell whether a user was left by a check that ended without cleaning up. Pure."""
    match = _NAME.fullmatch(uid)
    if match is None:
        return False
    with suppress(ValueError):
        made_at = datetime.strptime(match["at"], _MOMENT).replace(tzinfo=UTC)
        return now - made_at > ABANDONED_AFTER
    return False


@contextmanager
def scratch(admin: AdminClient, endpoint: Endpoint, now: datetime) -> Iterator[Scratch]:
    """Create a check's users and bucket for the block, and remove them also after an error or Ctrl-C."""
    name = name_of(now)
    uids = [name, f"{name}.machine", f"{name}.stranger"]
    clients: list[Any] = []
    keys: list[AccessKey] = []
    try:
        for uid in uids:
            key = _new_key()
            admin.create_user(uid, "Coffre platform check", 1000 if uid == name else -1)
            admin.put_key(uid, key)
            keys.append(key)
            clients.append(make_client(endpoint, key))
        owner, machine, stranger = clients
        with s3_errors(f"make bucket {name}", endpoint.url):
            owner.create_bucket(Bucket=name)
            owner.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        yield Scratch(name, uids[1], uids[2], name, keys[0], owner, machine, stranger, endpoint.url)
    finally:
        for client in clients:
            client.close()
        for uid in reversed(uids):
            remove(admin, endpoint, uid)


def remove_abandoned(admin: AdminClient, endpoint: Endpoint, now: datetime, on_progress: Callable[[str], None]) -> int:
    """Remove the leftovers of earlier checks; returns the number of removed users."""
    left = [uid for uid in admin.list_users() if is_abandoned(uid, now)]
    for uid in reversed(left):
        on_progress(f"removing {uid}, left by an earlier check")
        remove(admin, endpoint, uid)
    return len(left)


def remove(admin: AdminClient, endpoint: Endpoint, uid: str) -> None:
    """Delete a check's user with the bucket of its name, and nothing else; a missing user is not an error."""
    if _NAME.fullmatch(uid) is None:
        raise ValueError(f"{uid} is not a user of a platform check")
    if admin.find_user(uid) is None:
        return
    if uid in admin.list_buckets(uid):
        key = _new_key()
        admin.put_key(uid, key)
        client = make_client(endpoint, key)
        try:
            with s3_errors(f"remove bucket {uid}", endpoint.url):
                _delete_bucket(client, uid)
        finally:
            client.close()
    with suppress(GoneError):
        admin.delete_user(uid)


def empty(client: Any, bucket: str) -> None:
    """Delete every version and marker of a bucket."""
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for entry in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            client.delete_object(Bucket=bucket, Key=entry["Key"], VersionId=entry["VersionId"])


def _delete_bucket(client: Any, bucket: str) -> None:
    client.delete_bucket_policy(Bucket=bucket)
    empty(client, bucket)
    client.delete_bucket(Bucket=bucket)


def _new_key() -> AccessKey:
    return AccessKey(secrets.token_hex(10).upper(), base64.b32encode(secrets.token_bytes(30)).decode())
