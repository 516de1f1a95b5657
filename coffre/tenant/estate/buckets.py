"""The buckets of one tenant, found by the names of its machines and opened with the owner's key."""

from collections.abc import Collection, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from coffre.secrets import rotations
from coffre.spec import naming
from coffre.spec.naming import Named
from coffre.storage.driver import Bucket, Storage
from coffre.storage.values import AccessKey, BucketFacts
from coffre.tenant.estate.keys import access_key
from coffre.tenant.estate.secrets import TenantSecrets


@dataclass(frozen=True)
class ExistingBuckets:
    """The buckets of a tenant's owner on the platform at one moment, by name; none without an owner."""

    slug: str
    tenant_id: str
    names: frozenset[str] = frozenset()
    is_copy: bool = False

    def __bool__(self) -> bool:
        return bool(self.names)

    def has(self, machine: str) -> bool:
        """Tell whether a machine has its bucket."""
        return naming.bucket_name(self.slug, self.tenant_id, machine, is_copy=self.is_copy) in self.names

    def among(self, machines: Iterable[str]) -> list[str]:
        """Return the machines among these that have their bucket."""
        return [name for name in machines if self.has(name)]


class TenantBuckets:
    """What a command can do with the buckets of one tenant."""

    def __init__(self, tenant: Named, storage: Storage, secrets: TenantSecrets) -> None:
        self._tenant = tenant
        self._storage = storage
        self._secrets = secrets

    @property
    def owner_uid(self) -> str:
        """The user of the platform that owns every bucket of the tenant."""
        return naming.owner_uid(self._tenant)

    def name(self, machine: str) -> str:
        """Return the name of a machine's bucket, which may not exist."""
        return naming.bucket_name(self._tenant.slug, self._tenant.id, machine, is_copy=self._tenant.is_copy)

    def open(self, machine: str) -> Bucket:
        """Open a machine's bucket with the owner's key. Sends no request to the platform."""
        return self.open_named(self.name(machine))

    def open_named(self, name: str) -> Bucket:
        """Open a bucket with the owner's key by its own name, for example a name from a journal."""
        return self._storage.open_bucket(name, self.owner_key())

    def owner_key(self) -> AccessKey:
        """Return the owner's key that the platform certainly has: during a rotation, the old one until its end."""
        return access_key(rotations.trusted_key(self._secrets.control(), rotations.OWNER))

    def find_facts(self, machine: str) -> BucketFacts | None:
        """Return the platform's own count of a machine's bucket; None when there is no bucket."""
        return self._storage.find_bucket(self.name(machine))

    def extra_room(self, extra_bytes: int) -> AbstractContextManager[None]:
        """Make room above the tenant's wall for the duration of the block; see `Users.extra_room`."""
        return self._storage.extra_room(self.owner_uid, extra_bytes)

    def lower_wall(self, wall_bytes: int) -> bool:
        """Put the tenant's wall back to this when it is above it; see `Users.lower_wall`."""
        return self._storage.lower_wall(self.owner_uid, wall_bytes)

    def existing(self) -> ExistingBuckets:
        """Ask the platform now which buckets the owner has."""
        return self.snapshot(self._storage.list_owned_buckets(self.owner_uid))

    def snapshot(self, owned: Collection[str]) -> ExistingBuckets:
        """Return the buckets found in a read of the owner."""
        return ExistingBuckets(self._tenant.slug, self._tenant.id, frozenset(owned), self._tenant.is_copy)

    def has(self, machine: str) -> bool:
        """Ask the platform now whether a machine has its bucket."""
        return self.existing().has(machine)
