"""The test users and the test bucket of a check: created and always removed; the next check removes leftovers."""

import base64
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from coffre.storage.ceph.api.admin import AdminClient
from coffre.storage.s3.client import make_client
from coffre.storage.s3.faults import GoneError, s3_errors
from coffre.storage.trying import empty, is_abandoned, is_checks_own, new_name, users_of
from coffre.storage.values import AccessKey, Endpoint

ABANDONED_AFTER = timedelta(minutes=15)
"""A check takes one minute at most; older users belong to an interrupted check."""


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


@contextmanager
def scratch(admin: AdminClient, endpoint: Endpoint, now: datetime) -> Iterator[Scratch]:
    """Create a check's users and bucket for the block, and remove them also after an error or Ctrl-C."""
    name = new_name(now)
    uids = users_of(name)
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
    left = [uid for uid in admin.list_users() if is_abandoned(uid, now, ABANDONED_AFTER)]
    for uid in reversed(left):
        on_progress(f"removing {uid}, left by an earlier check")
        remove(admin, endpoint, uid)
    return len(left)


def remove(admin: AdminClient, endpoint: Endpoint, uid: str) -> None:
    """Delete a check's user with the bucket of its name, and nothing else; a missing user is not an error."""
    if not is_checks_own(uid):
        raise ValueError(f"{uid} is not a user of a platform check")
    if admin.find_user(uid) is None:
        return
    if uid in admin.list_buckets(uid):
        key = _new_key()
        admin.put_key(uid, key)
        client = make_client(endpoint, key)
        try:
            with s3_errors(f"remove bucket {uid}", endpoint.url):
                client.delete_bucket_policy(Bucket=uid)
                empty_bucket(client, uid)
                client.delete_bucket(Bucket=uid)
        finally:
            client.close()
    with suppress(GoneError):
        admin.delete_user(uid)


def empty_bucket(client: Any, bucket: str) -> None:
    """Delete every version and marker of a check's bucket."""
    empty(client, {"Bucket": bucket}, client.get_paginator("list_object_versions").paginate(Bucket=bucket))


def _new_key() -> AccessKey:
    return AccessKey(secrets.token_hex(10).upper(), base64.b32encode(secrets.token_bytes(30)).decode())
