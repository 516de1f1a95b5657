"""Reads a machine's bucket once, compares it with what was seen before, and remembers it where records exist."""

import heapq
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from coffre.agents.applied import Applied
from coffre.agents.kinds import find_layout
from coffre.agents.report import Report
from coffre.agents.repository import Part, RepositoryLayout, RepositoryObject
from coffre.agents.sealing import Opener
from coffre.findings import Finding, SetAside
from coffre.observation.judge import continuity, identity
from coffre.observation.judge.continuity import NOT_LISTED, BucketRead, ListedRepository
from coffre.observation.key_shapes import ForeignKeys, is_foreign
from coffre.observation.report_shelf import Reported, Shelf, Until, is_success
from coffre.observation.reports import find_opener, look_at_applied
from coffre.observation.stores import is_of_backups
from coffre.outside.faults import Fault
from coffre.outside.times import UnbelievableTimeError, check_time
from coffre.records.memory import Memory
from coffre.spec import naming
from coffre.spec.tenant import Tenant
from coffre.storage.values import ObjectFacts
from coffre.tenant.estate.buckets import TenantBuckets
from coffre.tenant.estate.memory import TenantMemory
from coffre.tenant.estate.secrets import TenantSecrets
from coffre.tenant.lookup import find_machine
from coffre.workspace.clock import utc_now

MAX_ASIDE = 1000
"""How many irregular snapshot objects of a machine are counted."""

_CLOCK_STEP = timedelta(seconds=1)


@dataclass(frozen=True)
class Sighting:
    """What was seen of a machine; ``losses`` is what was there before and is now missing.

    ``newest_snapshot_at`` is the newest of the snapshot objects with a plausible time that no other machine made,
    ``snapshots`` counts all of them, and ``arrivals`` is when each with such a time arrived. ``others`` names the
    machines that back up under this one's name. ``foreign`` are keys that neither Coffre nor the agent writes; they
    only add to ``current_bytes``. ``whole_at`` is when the last successful backup was completely in storage.
    ``has_lock``: a run goes on, or was cut off.
    """

    reported: Reported
    stored: ListedRepository
    losses: tuple[Finding, ...]
    others: tuple[Finding, ...]
    snapshots: int
    newest_snapshot_at: datetime | None
    snapshots_aside: tuple[SetAside, ...]
    current_bytes: int
    repository_bytes: int
    memory: Memory
    applied: Applied | SetAside | None
    foreign: ForeignKeys
    whole_at: datetime | None
    arrivals: Mapping[str, datetime]
    has_lock: bool = False


def look(
    tenant: Tenant,
    buckets: TenantBuckets,
    secrets: TenantSecrets,
    memory: TenantMemory,
    machine: str,
    now: datetime | None = None,
    *,
    until: Until = is_success,
) -> Sighting:
    """Read a machine's bucket in one listing; the result is remembered where records exist."""
    now = now or utc_now()
    # In this order: first the memory, then reports, then snapshots. A snapshot of a report, or one that another command
    # remembers meanwhile, is then in the listing of snapshots, or gone.
    bucket, before, began_at = buckets.open(machine), memory.recall(machine), utc_now()
    survey = _Survey(before, now, find_opener(secrets, machine), find_layout(find_machine(tenant, machine)))
    for facts in bucket.walk_objects(""):
        survey.see(facts)
    reported = survey.shelf.read(bucket, until)
    applied = look_at_applied(secrets, machine, bucket, before, now)
    seen = BucketRead(reported, survey.stored, began_at)
    after = _remember(memory, machine, before, seen, applied)
    return Sighting(
        reported,
        survey.stored,
        continuity.judge(machine, before, after, seen),
        identity.judge(machine, after),
        survey.snapshots,
        survey.find_newest_snapshot(after),
        tuple(survey.aside),
        survey.current_bytes,
        survey.repository_bytes,
        after,
        applied,
        survey.foreign,
        survey.find_whole_at(reported.success),
        survey.list_arrivals(),
        survey.has_lock,
    )


def look_at_reports(buckets: TenantBuckets, secrets: TenantSecrets, memory: TenantMemory, machine: str) -> Memory:
    """Learn from a machine's reports alone, a short listing for any size of repository; returns the new memory."""
    bucket, before, began_at = buckets.open(machine), memory.recall(machine), utc_now()
    shelf = Shelf(before, began_at, find_opener(secrets, machine))
    for facts in bucket.walk_objects(naming.REPORTS_PREFIX):
        shelf.see(facts)
    reported = shelf.read(bucket)
    return _remember(memory, machine, before, BucketRead(reported, NOT_LISTED, began_at), None)


def _remember(
    memory: TenantMemory, machine: str, before: Memory, seen: BucketRead, applied: Applied | SetAside | None
) -> Memory:
    after = _learn(before, seen, applied)
    if after != before:
        memory.learn(machine, lambda fresh: _learn(fresh, seen, applied))
    return after


def _learn(memory: Memory, seen: BucketRead, applied: Applied | SetAside | None) -> Memory:
    return continuity.learn_check_in(continuity.learn(memory, seen), applied)


class _Survey:
    """The content of one listing of a bucket, in bounded memory."""

    def __init__(self, memory: Memory, now: datetime, opener: Opener | None, layout: RepositoryLayout | None) -> None:
        self._layout = layout
        self.shelf = Shelf(memory, now, opener)
        self.current_bytes = self.repository_bytes = 0
        self.snapshots = 0
        self.aside: list[SetAside] = []
        self.foreign = ForeignKeys()
        self._now = now
        self._memory = memory
        self._ids: set[str] = set()
        self._moments: list[tuple[datetime, str]] = []
        self._has_config = False
        self.has_lock = False
        self._keys = self._packs = self._pack_bytes = 0

    @property
    def stored(self) -> ListedRepository:
        return ListedRepository(frozenset(self._ids), self._has_config, self._keys, self._packs, self._pack_bytes)

    def see(self, facts: ObjectFacts) -> None:
        self.current_bytes += facts.size_bytes
        found = None if self._layout is None else self._layout.find(facts.key)
        if found is not None:
            self._see_object(found, facts)
        elif is_foreign(facts.key, self._layout):
            until = self._memory.foreign_until
            if until is None or min(facts.modified_at, self._now) > until:
                self.foreign = self.foreign.add(facts.key)
        elif facts.key.startswith(naming.REPORTS_PREFIX):
            self.shelf.see(facts)

    def _see_object(self, found: RepositoryObject, facts: ObjectFacts) -> None:
        self.repository_bytes += facts.size_bytes if is_of_backups(found) else 0
        match found.part:
            case Part.DATA:
                self._packs += 1
                self._pack_bytes += facts.size_bytes
            case Part.SNAPSHOTS:
                self._see_snapshot(found.name, facts)
            case Part.CONFIG:
                self._has_config = True
            case Part.KEYS:
                self._keys += 1
            case Part.LOCKS:
                self.has_lock = True

    def _see_snapshot(self, snapshot_id: str, facts: ObjectFacts) -> None:
        self.snapshots += 1
        if snapshot_id in self._memory.snapshots or len(self._ids) < continuity.MAX_KNOWN:
            self._ids.add(snapshot_id)
        try:
            modified_at = check_time(facts.modified_at, self._now)
        except UnbelievableTimeError:
            if len(self.aside) < MAX_ASIDE:
                self.aside.append(SetAside(facts.key, Fault.UNBELIEVABLE_TIME))
            return
        heapq.heappush(self._moments, (modified_at, snapshot_id))
        if len(self._moments) > continuity.MAX_KNOWN:
            heapq.heappop(self._moments)

    def find_whole_at(self, success: Report | None) -> datetime | None:
        """Return when a successful backup was completely in storage, by storage's clock: its snapshot comes last.

        If that object is gone, by the machine's clock, which was compared to the second.
        """
        if success is None:
            return None
        stored_at = next((at for at, snapshot_id in self._moments if snapshot_id == success.snapshot_id), None)
        return stored_at or success.by_server(success.finished_at) + _CLOCK_STEP

    def list_arrivals(self) -> dict[str, datetime]:
        """Return when each snapshot arrived, by its id; of too many, the newest."""
        return {snapshot_id: at for at, snapshot_id in self._moments}

    def find_newest_snapshot(self, memory: Memory) -> datetime | None:
        """Return when the newest snapshot arrived, without those known to be another machine's."""
        return max(
            (at for at, snapshot_id in self._moments if not identity.is_others_snapshot(memory, snapshot_id, ())),
            default=None,
        )
