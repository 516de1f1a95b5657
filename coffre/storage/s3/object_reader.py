"""Reads objects with little work: one signed request each, over connections that all keys of a platform share.

botocore takes 4 ms for a client of a key and 2 ms for a request; a look at a thousand owners would mostly be that.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import quote

from coffre.storage.s3.signed_http import SignedHttp, connect_plainly, connect_to

if TYPE_CHECKING:
    import urllib3

    from coffre.outside.plain_http import PlainConnections
    from coffre.storage.values import AccessKey, Endpoint


class Connections:
    """The kept connections to one endpoint, opened on first use; safe to use from many threads."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    @cached_property
    def _pool(self) -> urllib3.HTTPConnectionPool:
        return connect_to(self._endpoint)

    @cached_property
    def _plain(self) -> PlainConnections:
        return connect_plainly(self._endpoint)

    def reader(self, key: AccessKey) -> ObjectReader:
        """Return what reads objects with this key."""
        return ObjectReader(SignedHttp(self._endpoint, key, connections=self._pool, plain=self._plain))


@dataclass(frozen=True)
class ObjectReader:
    """Reads the objects that one key may read."""

    http: SignedHttp

    def find(self, bucket: str, key: str, limit_bytes: int) -> bytes | None:
        """Return an object, None when it is larger than the limit; raises S3Error when there is none."""
        path = f"/{bucket}/{quote(key, safe='/-_.~')}"
        return self.http.find_object(f"read {key} of bucket {bucket}", path, limit_bytes)
