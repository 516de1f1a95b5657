"""How what AWS has of a tenant differs from its layout. Pure."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from coffre.storage.aws.layout import MachineStorage, StorageLayout
from coffre.storage.aws.live import Live, LiveBucket, LiveUser
from coffre.storage.aws.names import programs_bucket
from coffre.storage.aws.policy import bucket_policy, machine_policy
from coffre.storage.aws.protection import ENCRYPTION, NOTHING_PUBLIC, OWNERSHIP, VERSIONING
from coffre.storage.s3 import lifecycle, policy
from coffre.storage.survey import Part, ResourceDrift

_Named = Iterator[tuple[str, ResourceDrift]]
"""Differences, each with the name of its resource in the stack."""


def list_drift(layout: StorageLayout, live: Live, recorded: Collection[str]) -> list[ResourceDrift]:
    """Return how the recorded resources, named as in the stack, are missing or different on the platform."""
    found = (*_compare_users(layout, live), *_compare_buckets(layout, live))
    return [drift for name, drift in found if name in recorded]


def machine_uid(layout: StorageLayout, machine: MachineStorage) -> str:
    """Return the uid of a machine's user; its IAM name is shorter where that is too long."""
    return f"{layout.owner}.{machine.name}"


def _compare_users(layout: StorageLayout, live: Live) -> _Named:
    yield from _compare_user(layout, live, layout.owner, layout.owner)
    programs = programs_bucket(layout.account, layout.region)
    for machine in layout.machines:
        if machine.user is None:
            continue
        uid, user = machine_uid(layout, machine), live.users.get(machine.user)
        yield from _compare_user(layout, live, machine.user, uid)
        wanted = policy.by_sid(machine_policy(layout.account, machine.bucket, programs))
        found = policy.by_sid(user.document if user is not None else {})
        for drift in compare_entries(Part.USER_POLICY, uid, wanted, found):
            yield f"{machine.user}-policy", drift


def _compare_user(layout: StorageLayout, live: Live, name: str, uid: str) -> _Named:
    user: LiveUser | None = live.users.get(name)
    if user is None:
        yield name, ResourceDrift(Part.USER, uid)
    else:
        for drift in compare_entries(Part.USER, uid, layout.tags, user.tags, "tags."):
            yield name, drift


def _compare_buckets(layout: StorageLayout, live: Live) -> _Named:
    for machine in layout.machines:
        name, bucket = machine.bucket, live.buckets.get(machine.bucket)
        if bucket is None:
            yield name, ResourceDrift(Part.BUCKET, name)
            continue
        for drift in compare_entries(Part.BUCKET, name, layout.tags, bucket.tags, "tags."):
            yield name, drift
        for suffix, drift in _compare_settings(layout, machine, bucket):
            yield f"{name}-{suffix}", drift


def _compare_settings(layout: StorageLayout, machine: MachineStorage, bucket: LiveBucket) -> _Named:
    name = machine.bucket
    values: Mapping[str, tuple[Part, object, object]] = {
        "versioning": (Part.VERSIONING, VERSIONING, bucket.versioning),
        "ownership": (Part.OWNERSHIP, OWNERSHIP, bucket.ownership),
        "encryption": (Part.ENCRYPTION, ENCRYPTION, bucket.encryption),
    }
    for suffix, (part, expected, found) in values.items():
        if expected != found:
            yield suffix, ResourceDrift(part, name, "", expected, found)
    for drift in compare_entries(Part.PUBLIC_ACCESS, name, NOTHING_PUBLIC, bucket.public_access_block or {}):
        yield "public-access", drift
    rules = {} if machine.keeps_all else lifecycle.normalise_all(lifecycle.rules(layout.undelete_days))
    for drift in compare_entries(Part.LIFECYCLE, name, rules, bucket.rules):
        yield "lifecycle", drift
    wanted = policy.by_sid(bucket_policy(layout, machine, {}))
    for drift in compare_entries(Part.POLICY, name, wanted, policy.owned(bucket.document)):
        yield "policy", drift


def compare_entries(
    part: Part, holder: str, wanted: Mapping[str, Any], found: Mapping[str, Any], prefix: str = ""
) -> Iterator[ResourceDrift]:
    """Yield each entry of two maps that differs."""
    for key in sorted({*wanted, *found}):
        if wanted.get(key) != found.get(key):
            yield ResourceDrift(part, holder, f"{prefix}{key}", wanted.get(key), found.get(key))
