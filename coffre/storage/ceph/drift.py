"""Compares a platform with a stack's state, with the provider's own reads, directly and in parallel."""

import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from coffre.errors import RemoteError
from coffre.storage.ceph.api.admin import AdminBucket, AdminClient, AdminUser
from coffre.storage.ceph.provider.dispatch import RESOURCES
from coffre.storage.ceph.provider.platform import RgwPlatform
from coffre.storage.platform import RecordedResource
from coffre.storage.s3.faults import PlatformUnreachableError, UnavailableError
from coffre.storage.values import AccessKey, Endpoint

T = TypeVar("T")

THREADS = 8
"""More threads would only wait for each other: a read is mostly work of this process."""


def find_drift(endpoint: Endpoint, admin_key: AccessKey, resources: Sequence[RecordedResource]) -> list[str]:
    """Return the names of the resources that are missing or different on the platform; their inputs are decrypted.

    Raises UnreachableError without an answer, UnavailableError when the platform cannot serve. A refused read counts
    as drift: the refresh that follows shows the reason.
    """
    platform = RgwPlatform(endpoint, admin_key)
    platform.admin = _RememberingAdmin(endpoint, admin_key)
    with ThreadPoolExecutor(THREADS, thread_name_prefix="drift") as threads:
        drifted = list(threads.map(lambda each: _has_drifted(platform, each), resources))
    return [each.name for each, is_so in zip(resources, drifted, strict=True) if is_so]


def _has_drifted(platform: RgwPlatform, recorded: RecordedResource) -> bool:
    kind = RESOURCES.get(recorded.token)
    if kind is None:
        return True
    try:
        live = kind(platform).find(recorded.resource_id)
    except (PlatformUnreachableError, UnavailableError):
        raise
    except RemoteError:
        return True
    return live is None or bool(kind.diff(live, recorded.inputs))


class _RememberingAdmin(AdminClient):
    """Reads each user and bucket once, for all of their resources."""

    def __init__(self, endpoint: Endpoint, key: AccessKey) -> None:
        super().__init__(endpoint, key)
        self._answers: dict[tuple[str, str], Any] = {}
        self._asking: defaultdict[tuple[str, str], threading.Lock] = defaultdict(threading.Lock)
        self._guard = threading.Lock()

    def find_user(self, uid: str) -> AdminUser | None:
        return self._once(("user", uid), lambda: super(_RememberingAdmin, self).find_user(uid))

    def find_bucket(self, name: str) -> AdminBucket | None:
        return self._once(("bucket", name), lambda: super(_RememberingAdmin, self).find_bucket(name))

    def _once(self, question: tuple[str, str], ask: Callable[[], T]) -> T:
        with self._guard:
            asking = self._asking[question]
        with asking:
            if question not in self._answers:
                self._answers[question] = ask()
            answer: T = self._answers[question]
            return answer
