"""Whom a provider works for: one tenant's users and buckets, and for an apply exactly what that tenant's file comes to.

The provider holds the key of the platform's administrator, so what it is asked for is looked at as well as who asks.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from coffre.errors import RefusedError
from coffre.spec import naming
from coffre.storage.ceph import bucket_policy
from coffre.storage.ceph.layout import MachineStorage, StorageLayout
from coffre.storage.ceph.provider.dispatch import RESOURCES
from coffre.storage.ceph.provider.resources.access_key import AccessKey
from coffre.storage.ceph.provider.resources.bucket import Bucket
from coffre.storage.ceph.provider.resources.bucket_lifecycle import BucketLifecycle
from coffre.storage.ceph.provider.resources.bucket_policy import BucketPolicy
from coffre.storage.ceph.provider.resources.public_access_block import PublicAccessBlock
from coffre.storage.ceph.provider.resources.user import User
from coffre.storage.ceph.provider.resources.user_quota import UserQuota
from coffre.storage.provider.fields import Inputs
from coffre.storage.provider.package import Kind
from coffre.storage.s3 import lifecycle, policy
from coffre.storage.values import AccessKey as Key

_MACHINE = re.compile(naming.NAME_PATTERN)
_OWNER_FIELDS = ("uid", "owner")


@dataclass(frozen=True)
class TenantScope:
    """One tenant: its owner and its machines' users; a bucket is the tenant's when the owner owns it.

    ``declared`` is everything that may be made or changed, None for whatever the tenant's users may have.
    """

    owner_uid: str
    declared: Mapping[Kind, Collection[Inputs]] | None = field(default=None, repr=False)

    def has_uid(self, uid: str) -> bool:
        """Tell whether a user is the tenant's owner or of the form of one of its machines."""
        prefix = f"{self.owner_uid}."
        return uid == self.owner_uid or (
            uid.startswith(prefix) and _MACHINE.fullmatch(uid.removeprefix(prefix)) is not None
        )

    def refuse_foreign(self, kind: Kind, values: Mapping[str, Any]) -> None:
        """Raise RefusedError for inputs, or a state, that name a user who is not the tenant's."""
        named = [values[name] for name in _OWNER_FIELDS if name in values]
        statements = values.get("statements")
        if kind is BucketPolicy and isinstance(statements, Mapping):
            named += policy.list_principals(statements)
        for uid in named:
            if isinstance(uid, str) and not self.has_uid(uid):
                raise self.refusal(f"user {uid}")

    def refuse_undeclared(self, kind: Kind, wanted: Inputs) -> None:
        """Raise RefusedError for inputs that are not what the tenant's file comes to."""
        if self.declared is None or wanted in self.declared[kind]:
            return
        raise RefusedError(
            f"the provider makes what is declared for {self.owner_uid} alone, and not this {kind.word}",
            "nothing was changed; somebody else than this `coffre` asked for it",
        )

    def refusal(self, what: str) -> RefusedError:
        return RefusedError(
            f"the provider serves {self.owner_uid} alone, and {what} is not of that tenant",
            "nothing was read or changed; run `coffre plan` or `coffre apply` for the tenant that it belongs to",
        )


def scope_of(storage: StorageLayout) -> TenantScope:
    """Return the scope of an apply: what the Pulumi program declares for this storage, and nothing else."""
    declared: dict[Kind, list[Inputs]] = {kind: [] for kind in RESOURCES.values()}
    for kind, given in declare_all(storage):
        declared[kind].append(kind.check(given)[0])
    return TenantScope(storage.owner_uid, declared)


def declare_all(storage: StorageLayout) -> list[tuple[Kind, Inputs]]:
    """Return every resource of a storage with its inputs, as the Pulumi program declares them."""
    given: list[tuple[Kind, Inputs]] = [
        (User, {"uid": storage.owner_uid, "display_name": storage.display_name}),
        (AccessKey, _key(storage.owner_uid, storage.owner_key)),
        (UserQuota, {"uid": storage.owner_uid, "max_bytes": storage.wall_bytes}),
    ]
    for machine in storage.machines:
        given += _declare_machine(storage, machine)
    return given


def _declare_machine(storage: StorageLayout, machine: MachineStorage) -> list[tuple[Kind, Inputs]]:
    bucket = machine.bucket
    given: list[tuple[Kind, Inputs]] = [
        (Bucket, {"name": bucket, "owner": storage.owner_uid, "tags": dict(storage.tags)}),
        (
            BucketPolicy,
            {"bucket": bucket, "statements": bucket_policy.statements(bucket, storage.owner_uid, machine.uid)},
        ),
        (PublicAccessBlock, {"bucket": bucket}),
    ]
    if not machine.keeps_all:
        given.append((BucketLifecycle, {"bucket": bucket, "rules": lifecycle.rules(storage.undelete_days)}))
    if machine.uid is not None and machine.key is not None:
        name = f"{storage.display_name} / {machine.name}"
        given.append((User, {"uid": machine.uid, "display_name": name, "max_buckets": -1}))
        given.append((AccessKey, _key(machine.uid, machine.key)))
    return given


def _key(uid: str, key: Key) -> Inputs:
    return {"uid": uid, "access_key_id": key.access_key_id, "secret_access_key": key.secret_access_key}
