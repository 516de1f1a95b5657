"""Measures how late the gateways of a platform see each other's writes: one fills a quota, another one still writes."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import Any

from coffre.errors import RemoteError
from coffre.spec.gateways import Gateways
from coffre.spec.quota import blind_seconds
from coffre.storage.ceph.api.admin import AdminClient
from coffre.storage.ceph.checks.judge_trials import Lateness
from coffre.storage.ceph.checks.scratch import Scratch, empty_bucket
from coffre.storage.s3.client import make_client
from coffre.storage.s3.faults import WallReachedError, s3_errors
from coffre.storage.values import Endpoint

PATIENCE_SECONDS = 75.0
"""How long the check waits for a gateway to see the others' writes, independent of platform.yaml."""
QUOTA_BYTES = 16 << 20
_PIECE_BYTES = 512 << 10
_DROP_BYTES = 64 << 10
_PAUSE_SECONDS = 1.0


def try_gateways(
    scratch: Scratch, admin: AdminClient, endpoint: Endpoint, gateways: Gateways, on_progress: Callable[[str], None]
) -> Lateness:
    """Fill a quota through the first gateway, then write a little through each other one until it refuses.

    RemoteError names the gateway that does not answer, knows nothing of the platform's users, or knows no quota.
    """
    admin.set_quota(scratch.owner_uid, QUOTA_BYTES)
    watched = min(PATIENCE_SECONDS, blind_seconds(gateways) + 2.0)
    with ExitStack() as stack:
        clients = [
            stack.enter_context(closing(make_client(replace(endpoint, url=url), scratch.owner_key)))
            for url in gateways.addresses
        ]
        with s3_errors("empty the bucket", scratch.url):
            empty_bucket(scratch.owner, scratch.bucket)
        writers = [
            _Writer(client, scratch.bucket, url, number)
            for number, (client, url) in enumerate(zip(clients, gateways.addresses, strict=True))
        ]
        # Now each one has counted something itself, and uses its own cached count.
        for writer in writers:
            writer.takes(_DROP_BYTES)
        time.sleep(_PAUSE_SECONDS)
        first, *others = writers
        began = time.monotonic()
        while first.takes(_PIECE_BYTES):
            if time.monotonic() - began > PATIENCE_SECONDS:
                raise RemoteError(f"{first.url} accepts writes past a full quota", "Read the finding `quota` above.")
        on_progress(f"waiting up to {watched:.0f} s until every gateway knows that a quota is full")
        return _watch(others, watched)


def _watch(others: Sequence["_Writer"], watched_seconds: float) -> Lateness:
    began, passed_bytes, ignorant = time.monotonic(), 0, list(others)
    while True:
        for writer in tuple(ignorant):
            if writer.takes(_DROP_BYTES):
                passed_bytes += _DROP_BYTES
            else:
                ignorant.remove(writer)
        seconds = time.monotonic() - began
        if not ignorant:
            return Lateness(passed_bytes, seconds, watched_seconds)
        if seconds > watched_seconds:
            return Lateness(passed_bytes, None, watched_seconds)
        time.sleep(min(_PAUSE_SECONDS, watched_seconds / 10))


class _Writer:
    """Writes through one gateway, under its own names."""

    def __init__(self, client: Any, bucket: str, url: str, number: int) -> None:
        self._client, self._bucket, self.url = client, bucket, url
        self._prefix, self._written = f"restic/data/gateway-{number}", 0

    def takes(self, size_bytes: int) -> bool:
        """Tell whether the gateway accepts one more piece."""
        self._written += 1
        try:
            with s3_errors(f"write through the gateway {self.url}", self.url):
                key = f"{self._prefix}-{self._written}"
                self._client.put_object(Bucket=self._bucket, Key=key, Body=bytes(size_bytes))
        except WallReachedError:
            return False
        return True
