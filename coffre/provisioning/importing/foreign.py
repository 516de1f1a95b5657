"""A user of a platform that Coffre did not make: what it owns. Its names differ, so Coffre can adopt none of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from coffre.errors import RefusedError
from coffre.spec.loader import Checkout
from coffre.storage.values import OwnerFacts
from coffre.tenant.opening import open_storage


@dataclass(frozen=True)
class ForeignBucket:
    """One bucket, and the bytes in it, all versions."""

    name: str
    stored_bytes: int


@dataclass(frozen=True)
class ForeignOwner:
    """A user with what it owns; ``key_count`` of its access keys, which stay unread."""

    owner: OwnerFacts
    buckets: Sequence[ForeignBucket]
    key_count: int


def look_at_foreign(checkout: Checkout, platform: str, uid: str) -> ForeignOwner:
    """Read a user of a platform; changes nothing. RefusedError when there is none of this name."""
    storage = open_storage(checkout, platform)
    owner = storage.find_owner(uid)
    if owner is None:
        raise RefusedError(
            f"{platform} has no user {uid}", "Names are exact: ask the platform's own tool for its users."
        )
    buckets = [ForeignBucket(name, storage.stored_bytes(name)) for name in owner.buckets]
    return ForeignOwner(owner, buckets, len(storage.list_key_ids(uid)))
