"""Compares a platform with a stack's state, with the provider's own reads, directly and in parallel."""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from coffre.errors import RemoteError
from coffre.storage.ceph.api.admin import AdminBucket, AdminClient, AdminUser
from coffre.storage.ceph.api.admin_http import AdminHttp
from coffre.storage.ceph.provider.dispatch import RESOURCES
from coffre.storage.ceph.provider.platform import RgwPlatform
from coffre.storage.ceph.provider.resources.access_key import AccessKey as KeyResource
from coffre.storage.ceph.provider.resources.base import RgwResource
from coffre.storage.ceph.provider.resources.bucket import Bucket
from coffre.storage.ceph.provider.resources.bucket_lifecycle import BucketLifecycle
from coffre.storage.ceph.provider.resources.bucket_policy import BucketPolicy
from coffre.storage.ceph.provider.resources.public_access_block import PublicAccessBlock
from coffre.storage.ceph.provider.resources.user import User
from coffre.storage.ceph.provider.resources.user_quota import UserQuota
from coffre.storage.platform import RecordedResource
from coffre.storage.provider.fields import find_entry
from coffre.storage.s3.faults import PlatformUnreachableError, UnavailableError
from coffre.storage.survey import Part, ResourceDrift
from coffre.storage.values import AccessKey, Endpoint

T = TypeVar("T")

THREADS = 8
"""More threads would only wait for each other: a read is mostly work of this process."""

_PARTS: Mapping[type[RgwResource], Part] = {
    User: Part.USER,
    KeyResource: Part.KEY,
    UserQuota: Part.WALL,
    Bucket: Part.BUCKET,
    BucketPolicy: Part.POLICY,
    BucketLifecycle: Part.LIFECYCLE,
    PublicAccessBlock: Part.PUBLIC_ACCESS,
}
_WHOLE = {"statements", "rules", "max_bytes"}
"""Inputs that are all there is of their resource: they are not named beside it."""


def find_drift(endpoint: Endpoint, admin_key: AccessKey, resources: Sequence[RecordedResource]) -> list[ResourceDrift]:
    """Return how the platform differs from these resources, whose inputs are decrypted.

    Raises UnreachableError without an answer, UnavailableError when the platform cannot serve. A refused read counts
    as drift: the refresh that follows shows the reason.
    """
    platform = RgwPlatform(endpoint, RememberingAdmin(endpoint, admin_key))
    with ThreadPoolExecutor(THREADS, thread_name_prefix="drift") as threads:
        found = threads.map(lambda each: list(compare(platform, each)), resources)
        return [drift for each in found for drift in each]


def compare(platform: RgwPlatform, recorded: RecordedResource) -> Iterator[ResourceDrift]:
    """Yield the differences of one resource; raises as `find_drift` does."""
    kind = RESOURCES.get(recorded.token)
    if kind is None:
        yield ResourceDrift(Part.OTHER, recorded.name)
        return
    part, holder = _PARTS[kind], str(recorded.inputs.get(kind.written, recorded.resource_id))
    try:
        live = kind(platform).find(recorded.resource_id)
    except (PlatformUnreachableError, UnavailableError):
        raise
    except RemoteError as refusal:
        yield ResourceDrift(part, holder, problem=refusal.message)
        return
    if live is None:
        yield ResourceDrift(part, holder, "", _whole(kind, recorded.inputs))
        return
    for change in kind.diff(live, recorded.inputs):
        yield _describe(kind, part, holder, change.path, recorded.inputs, live)


def _describe(
    kind: type[RgwResource], part: Part, holder: str, path: str, wanted: Mapping[str, Any], live: Mapping[str, Any]
) -> ResourceDrift:
    if path == "versioning":
        return ResourceDrift(Part.VERSIONING, holder, "", wanted[path], live[path])
    name, key, expected, found = find_entry(path, wanted, live)
    if kind.fields[name].secret:
        return ResourceDrift(part, holder, name)
    # All that a resource is has no name of its own: the Sid of a statement says enough.
    shown = [each for each in ("" if name in _WHOLE else name, key) if each]
    return ResourceDrift(part, holder, ".".join(shown), expected, found)


def _whole(kind: type[RgwResource], inputs: Mapping[str, Any]) -> Any:
    """Return the value of a missing resource that has only one: the bytes of a wall, the id of a key."""
    return inputs.get({UserQuota: "max_bytes", KeyResource: "access_key_id"}.get(kind, ""))


class RememberingAdmin(AdminClient):
    """Reads each user and bucket once, for all of their resources."""

    def __init__(self, endpoint: Endpoint, key: AccessKey, connections: AdminHttp | None = None) -> None:
        super().__init__(endpoint, key, connections)
        self._answers: dict[tuple[str, str], Any] = {}
        self._asking: defaultdict[tuple[str, str], threading.Lock] = defaultdict(threading.Lock)
        self._guard = threading.Lock()

    def find_user(self, uid: str) -> AdminUser | None:
        return self._once(("user", uid), lambda: super(RememberingAdmin, self).find_user(uid))

    def find_user_of_key(self, access_key_id: str) -> AdminUser | None:
        """Return the user of a key, which no other user of the platform can have: a known one needs no question."""
        with self._guard:
            known = [each for each in self._answers.values() if isinstance(each, AdminUser)]
        for user in known:
            if any(key.access_key_id == access_key_id for key in user.keys):
                return user
        return super().find_user_of_key(access_key_id)

    def find_bucket(self, name: str) -> AdminBucket | None:
        return self._once(("bucket", name), lambda: super(RememberingAdmin, self).find_bucket(name))

    def _once(self, question: tuple[str, str], ask: Callable[[], T]) -> T:
        with self._guard:
            asking = self._asking[question]
        with asking:
            if question not in self._answers:
                answered = ask()
                with self._guard:
                    self._answers[question] = answered
            answer: T = self._answers[question]
            return answer
