"""The buckets of a tenant on a platform in memory, with the secrets that open them."""

from dataclasses import dataclass

from coffre.secrets import minting
from coffre.secrets.bundles import ControlBundle
from coffre.spec.naming import Named
from coffre.spec.tenant import Tenant
from coffre.storage.driver import Bucket
from coffre.storage.platform import KeyOrigin
from coffre.tenant.estate.buckets import TenantBuckets
from coffre.tenant.estate.keys import access_key
from tests.doubles.owners import OwnersPlatform
from tests.doubles.secrets import InMemorySecrets
from tests.doubles.storage import MemoryPlatform


@dataclass(frozen=True)
class InMemoryEstate:
    """What an apply has created for a tenant: its owner with a key, and the buckets of some machines."""

    tenant: Named
    storage: MemoryPlatform
    secrets: InMemorySecrets
    buckets: TenantBuckets

    @classmethod
    def empty(cls, tenant: Named, keys: KeyOrigin = KeyOrigin.CHOSEN) -> "InMemoryEstate":
        """Return a platform that knows nothing of a tenant which has no secrets yet: it was never applied."""
        storage = OwnersPlatform() if keys is KeyOrigin.NONE else MemoryPlatform(keys=keys)
        secrets = InMemorySecrets(slug=tenant.slug, tenant_id=tenant.id)
        return cls(tenant, storage, secrets, TenantBuckets(tenant, storage, secrets))

    @classmethod
    def of(
        cls,
        tenant: Named,
        *machines: str,
        wall_bytes: int | None = None,
        keys: KeyOrigin = KeyOrigin.CHOSEN,
    ) -> "InMemoryEstate":
        """Create the owner of a tenant with a key, and the buckets of these machines."""
        control = ControlBundle(
            tenant_id=tenant.id,
            owner_key=minting.new_access_key(),
            machine_keys={name: minting.new_access_key() for name in machines},
            stack_passphrase=minting.new_passphrase(),
            signing_key=minting.new_signing_key(),
        )
        storage, secrets = MemoryPlatform(keys=keys), InMemorySecrets(control, slug=tenant.slug, tenant_id=tenant.id)
        estate = cls(tenant, storage, secrets, TenantBuckets(tenant, storage, secrets))
        storage.make_user(estate.buckets.owner_uid, access_key(control.owner_key), wall_bytes)
        for name in machines:
            estate.make_bucket(name)
        return estate

    @classmethod
    def of_all(cls, tenant: Tenant, *, wall_bytes: int | None = None) -> "InMemoryEstate":
        """Create what an apply of the whole file creates."""
        return cls.of(tenant, *tenant.machines, wall_bytes=wall_bytes)

    def make_bucket(self, machine: str) -> None:
        self.storage.make_bucket(self.buckets.name(machine), self.buckets.owner_uid, self.tenant.id)

    def bucket(self, machine: str) -> Bucket:
        return self.buckets.open(machine)
