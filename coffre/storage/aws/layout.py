"""Derives a tenant's storage on AWS from its file: names, tags and buckets. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from coffre.spec import naming
from coffre.spec.storage_platform import AwsPlatform
from coffre.spec.tenant import Tenant
from coffre.storage.aws.names import OWNER_TAG, user_name
from coffre.storage.platform import TenantKeys
from coffre.storage.values import TENANT_ID_TAG


@dataclass(frozen=True)
class MachineStorage:
    """A machine's bucket and the IAM name of its user, which is None for a retired machine.

    With ``keeps_all`` (a hold, or a frozen retention) no lifecycle rule deletes anything from it.
    """

    name: str
    bucket: str
    user: str | None
    keeps_all: bool = False


@dataclass(frozen=True)
class StorageLayout:
    """All parts of a tenant's storage. There is no wall, and no key: AWS generates keys."""

    account: str
    region: str
    owner: str
    tags: Mapping[str, str]
    undelete_days: int
    machines: Sequence[MachineStorage]


def tenant_storage(tenant: Tenant, platform: AwsPlatform, keys: TenantKeys) -> StorageLayout:
    """Return what a tenant's storage should be; of the keys, only tells which machines are retired."""
    owner = naming.owner_uid(tenant)
    return StorageLayout(
        account=platform.account,
        region=platform.region,
        owner=owner,
        tags={TENANT_ID_TAG: tenant.id, OWNER_TAG: owner},
        undelete_days=tenant.storage.undelete_days,
        machines=[
            MachineStorage(
                name=name,
                bucket=naming.bucket_name(tenant.slug, tenant.id, name, is_copy=tenant.is_copy),
                user=None if keys.machines[name] is None else user_name(naming.machine_uid(tenant, name)),
                keeps_all=tenant.keeps_all(name),
            )
            for name in tenant.machines
            if name in keys.machines
        ],
    )
