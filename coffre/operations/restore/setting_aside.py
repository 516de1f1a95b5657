"""Sets snapshots aside: restores, drills, returns and departures no longer see them, and nothing of them is deleted.

A snapshot that a machine forged, or that cannot be read, would stop each of these. Its object is copied beside the
repository, where no rule of the platform lets it expire, and then hidden. Its content is not read for that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from coffre.agents.kinds import layout_of
from coffre.agents.repository import Part, RepositoryLayout
from coffre.errors import UsageError
from coffre.operations.acknowledge.acknowledge import SET_ASIDE, expect_no_more
from coffre.records.facts.backups import SnapshotBroughtBack, SnapshotSetAside
from coffre.spec import naming
from coffre.spec.parts import of_buckets
from coffre.spec.tenant import Tenant
from coffre.storage.driver import Bucket
from coffre.storage.values import ObjectFacts, QuotaExceededError
from coffre.tenant.access import refuse_while_blocked
from coffre.tenant.estate.buckets import TenantBuckets
from coffre.tenant.estate.log import TenantLog
from coffre.tenant.estate.memory import TenantMemory
from coffre.tenant.lookup import find_machine
from coffre.tenant.presence import refuse_unapplied

SHORTEST_BEGINNING = 4
LONGEST_REASON = 500
WALL_MARGIN_BYTES = 1024**2


@dataclass(frozen=True)
class AsideSnapshot:
    """A snapshot that is set aside; the records' author, time and reason, None where they have none."""

    machine: str
    snapshot: str
    reason: str | None = None
    by: str | None = None
    at: datetime | None = None


def set_aside(
    tenant: Tenant,
    buckets: TenantBuckets,
    log: TenantLog,
    memory: TenantMemory,
    machine: str,
    beginning: str,
    reason: str,
) -> str:
    """Set aside the snapshot whose id starts so and return its id; recorded first. May run twice, also after a kill."""
    _refuse_empty(reason)
    bucket, places = _open(tenant, buckets, log, machine)
    snapshot = _choose(bucket, places.used, beginning)
    if snapshot is None:
        return _name(_choose_aside(bucket, places, beginning), places.aside)
    name = _name(snapshot, places.used)
    log.append(SnapshotSetAside(name, reason), machine)
    _copy(buckets, bucket, snapshot, places.aside + name)
    expect_no_more(memory, machine, [name], SET_ASIDE)
    bucket.hide(snapshot.key)
    expect_no_more(memory, machine, [name], SET_ASIDE)
    return name


def bring_back(
    tenant: Tenant, buckets: TenantBuckets, log: TenantLog, machine: str, beginning: str, reason: str
) -> str:
    """Put a snapshot that is set aside back into its repository; recorded first. May run twice, also after a kill."""
    _refuse_empty(reason)
    bucket, places = _open(tenant, buckets, log, machine)
    snapshot = _choose_aside(bucket, places, beginning)
    name = _name(snapshot, places.aside)
    log.append(SnapshotBroughtBack(name, reason), machine)
    _copy(buckets, bucket, snapshot, places.used + name)
    bucket.hide(snapshot.key)
    return name


def list_aside_ids(bucket: Bucket, layout: RepositoryLayout) -> tuple[str, ...]:
    """Return the ids of the snapshots of a bucket that are set aside, and therefore missing in its repository."""
    aside = _Places.of(layout).aside
    return tuple(sorted(_name(each, aside) for each in list_aside_objects(bucket, layout)))


def list_aside_objects(bucket: Bucket, layout: RepositoryLayout) -> Sequence[ObjectFacts]:
    """Return the objects of the snapshots of a bucket that are set aside, each of the time at which it was."""
    return bucket.list_objects(_Places.of(layout).aside)


def list_aside(tenant: Tenant, buckets: TenantBuckets, log: TenantLog, machine: str) -> list[AsideSnapshot]:
    """Return the snapshots of a machine that are set aside, with their records."""
    facts = find_machine(of_buckets(tenant), machine)
    refuse_unapplied(tenant, buckets, log, [machine])
    words = {each.fact.snapshot_id: each for each in log.list(SnapshotSetAside, machine)}
    found = []
    for snapshot in list_aside_ids(buckets.open(machine), layout_of(machine, facts)):
        word = words.get(snapshot)
        told = (word.fact.reason, word.actor, word.at) if word is not None else (None, None, None)
        found.append(AsideSnapshot(machine, snapshot, *told))
    return found


@dataclass(frozen=True)
class _Places:
    """The beginnings of the keys of snapshots: of those in the repository, and of those that are set aside."""

    used: str
    aside: str

    @classmethod
    def of(cls, layout: RepositoryLayout) -> "_Places":
        used = layout.prefix_of(Part.SNAPSHOTS)
        return cls(used, f"{naming.ASIDE_PREFIX}{used}")


def _open(tenant: Tenant, buckets: TenantBuckets, log: TenantLog, machine: str) -> tuple[Bucket, _Places]:
    refuse_while_blocked(tenant)
    facts = find_machine(of_buckets(tenant), machine)
    refuse_unapplied(tenant, buckets, log, [machine])
    return buckets.open(machine), _Places.of(layout_of(machine, facts))


def _refuse_empty(reason: str) -> None:
    if not reason.strip() or len(reason) > LONGEST_REASON or not reason.isprintable():
        raise UsageError(
            "--reason is empty, too long or unprintable", f"Write one line of at most {LONGEST_REASON} characters."
        )


def _choose(bucket: Bucket, prefix: str, beginning: str) -> ObjectFacts | None:
    """Return the one snapshot whose name starts so, by its object's name alone; None when there is none."""
    if len(beginning) < SHORTEST_BEGINNING:
        raise UsageError(f"--snapshot {beginning} is too short", f"Write at least {SHORTEST_BEGINNING} characters.")
    found = [each for each in bucket.list_objects(prefix + beginning) if _name(each, prefix)]
    exact = [each for each in found if _name(each, prefix) == beginning]
    if len(found) == 1 or len(exact) == 1:
        return (exact or found)[0]
    if found:
        raise UsageError(f"{len(found)} snapshots begin with {beginning}", "Write more characters of the id.")
    return None


def _choose_aside(bucket: Bucket, places: _Places, beginning: str) -> ObjectFacts:
    found = _choose(bucket, places.aside, beginning)
    if found is None:
        raise UsageError(
            f"no snapshot that is set aside has an id that begins with {beginning}",
            "`coffre snapshot list` lists the snapshots that are set aside.",
        )
    return found


def _name(snapshot: ObjectFacts, prefix: str) -> str:
    return snapshot.key.removeprefix(prefix)


def _copy(buckets: TenantBuckets, bucket: Bucket, snapshot: ObjectFacts, to: str) -> None:
    """Copy an object on the platform; at the wall, which includes the copy, the wall is raised for it."""
    try:
        bucket.copy(snapshot.key, to)
    except QuotaExceededError:
        with buckets.extra_room(snapshot.size_bytes + WALL_MARGIN_BYTES):
            bucket.copy(snapshot.key, to)
