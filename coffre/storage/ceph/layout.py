"""Derives a tenant's storage from its file and its keys: names, wall and buckets. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from coffre.spec import naming
from coffre.spec.quota import wall_bytes
from coffre.spec.storage_platform import Platform
from coffre.spec.tenant import Tenant
from coffre.storage.platform import TenantKeys
from coffre.storage.values import TENANT_ID_TAG, AccessKey


@dataclass(frozen=True)
class MachineStorage:
    """A machine's bucket, with its user and that user's key; both are None for a retired machine.

    With ``keeps_all`` (a hold, or a frozen retention) no lifecycle rule deletes anything from it.
    """

    name: str
    bucket: str
    uid: str | None
    key: AccessKey | None
    keeps_all: bool = False


@dataclass(frozen=True)
class StorageLayout:
    """All parts of a tenant's storage; sizes in bytes."""

    owner_uid: str
    display_name: str
    tags: Mapping[str, str]
    owner_key: AccessKey
    wall_bytes: int
    undelete_days: int
    machines: Sequence[MachineStorage]


def tenant_storage(tenant: Tenant, platform: Platform, keys: TenantKeys) -> StorageLayout:
    """Return what a tenant's storage should be."""
    return StorageLayout(
        owner_uid=naming.owner_uid(tenant),
        display_name=tenant.name,
        tags={TENANT_ID_TAG: tenant.id},
        owner_key=keys.owner,
        wall_bytes=wall_bytes(tenant.storage.quota_bytes, platform),
        undelete_days=tenant.storage.undelete_days,
        machines=[_machine_storage(tenant, name, keys) for name in tenant.machines if name in keys.machines],
    )


def _machine_storage(tenant: Tenant, name: str, keys: TenantKeys) -> MachineStorage:
    key = keys.machines[name]
    return MachineStorage(
        name=name,
        bucket=naming.bucket_name(tenant.slug, tenant.id, name, is_copy=tenant.is_copy),
        uid=None if key is None else naming.machine_uid(tenant, name),
        key=key,
        keeps_all=tenant.keeps_all(name),
    )
