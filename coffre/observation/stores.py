"""The content of machines' buckets: current objects by a listing, all stored bytes by the platform's own count."""

from collections.abc import Iterable, Mapping

from coffre.observation.judge.filling import MachineStore, Room, Word
from coffre.observation.key_shapes import is_foreign
from coffre.records.facts.contract import GateWord
from coffre.spec import naming
from coffre.spec.platform import Platform
from coffre.spec.quota import wall_bytes
from coffre.spec.tenant import Tenant
from coffre.tenant.estate.buckets import TenantBuckets
from coffre.tenant.estate.log import Log

_REPOSITORY_PREFIXES = tuple(f"{naming.RESTIC_PREFIX}{folder}" for folder in ("data/", "index/", "snapshots/", "keys/"))


def is_of_repository(key: str) -> bool:
    """Tell whether an object is part of the backups: not a lock, and not a key that restic would not write. Pure."""
    return key.startswith(_REPOSITORY_PREFIXES) and not is_foreign(key)


def read_store(buckets: TenantBuckets, machine: str) -> MachineStore:
    """Measure one machine's bucket, with a listing of its own."""
    current_bytes = repository_bytes = 0
    for facts in buckets.open(machine).walk_objects(""):
        current_bytes += facts.size_bytes
        if is_of_repository(facts.key):
            repository_bytes += facts.size_bytes
    return count_store(buckets, machine, current_bytes, repository_bytes)


def count_store(buckets: TenantBuckets, machine: str, current_bytes: int, repository_bytes: int) -> MachineStore:
    """Combine the numbers of a listing with the platform's own count of all versions."""
    found = buckets.find_facts(machine)
    stored_bytes, objects = (0, 0) if found is None else (found.stored_bytes, found.entries)
    return MachineStore(machine, current_bytes, repository_bytes, stored_bytes, objects)


def room_of(tenant: Tenant, platform: Platform) -> Room:
    """Return the limits of a tenant, from its file and platform.yaml. Pure."""
    quota_bytes = tenant.storage.quota_bytes
    return Room(quota_bytes, wall_bytes(quota_bytes, platform), platform.object_limit)


def find_words(log: Log, machines: Iterable[str]) -> Mapping[str, Word]:
    """Return the last permission that was given for each of these machines."""
    found = {name: log.last(GateWord, name) for name in machines}
    return {
        name: Word(last.fact.surplus_bytes, last.fact.object_count) for name, last in found.items() if last is not None
    }
