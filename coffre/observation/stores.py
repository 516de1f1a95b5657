"""The content of machines' buckets: current objects by a listing, all stored bytes by the platform's own count."""

from collections.abc import Iterable, Mapping

from coffre.agents.repository import Part, RepositoryLayout, RepositoryObject
from coffre.observation.judge.filling import MachineStore, Room, Word
from coffre.records.facts.contract import GateWord
from coffre.spec.quota import wall_bytes
from coffre.spec.storage_platform import Platform
from coffre.spec.tenant import Tenant
from coffre.tenant.estate.buckets import TenantBuckets
from coffre.tenant.estate.log import Log

_OF_BACKUPS = frozenset({Part.DATA, Part.INDEX, Part.SNAPSHOTS, Part.KEYS})


def is_of_backups(found: RepositoryObject) -> bool:
    """Tell whether an object of a repository counts as backups. Pure."""
    return found.part in _OF_BACKUPS


def read_store(buckets: TenantBuckets, machine: str, layout: RepositoryLayout | None) -> MachineStore:
    """Measure one machine's bucket, with a listing of its own; ``layout`` is that of its repository, if it has one."""
    current_bytes = repository_bytes = 0
    for facts in buckets.open(machine).walk_objects(""):
        current_bytes += facts.size_bytes
        found = None if layout is None else layout.find(facts.key)
        if found is not None and is_of_backups(found):
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
