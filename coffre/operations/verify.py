"""Verifies that every pack of a machine's repository is still there, and still what the machine uploaded.

The structure is checked each time, which shows at once what the index names and the bucket lacks. Of the packs'
content a limited share is read each time, in turn; the position is recorded, so the run after a killed one goes on.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from coffre.agents.kinds import layout_of
from coffre.agents.repository import Part, RepositoryError, RepositoryLayout, RepositoryObject
from coffre.errors import RemoteError
from coffre.observation import rounds as recorded_rounds
from coffre.observation.judge.pack_rounds import (
    LEAST_BYTES,
    Bounds,
    DamagedPack,
    Round,
    name_damaged,
    position_of,
    wanted_position,
)
from coffre.observation.upkeep import refuse_while_pruned
from coffre.operations.repository import open_repository
from coffre.records.facts.backups import PackFault
from coffre.records.facts.password_uses import RoutineTask, RoutineUse
from coffre.spec.parts import of_buckets
from coffre.spec.platform import Verify
from coffre.spec.tenant import Tenant
from coffre.storage.driver import Bucket
from coffre.storage.values import ObjectFacts, PlatformAwayError
from coffre.tenant.access import refuse_while_blocked
from coffre.tenant.estate.buckets import TenantBuckets
from coffre.tenant.estate.log import Log
from coffre.tenant.lookup import find_machine
from coffre.tenant.opening import OpenTenant
from coffre.tenant.presence import refuse_unapplied
from coffre.workspace.clock import utc_now
from coffre.workspace.work_folder import work_folder

READERS = 4
WORK_PREFIX = "verify-"
CHECKPOINT_SECONDS = 60.0
"""The maximum that is lost of a killed run."""
MAX_PACK_BYTES = 1024**3
"""Of a larger object only so much is read, and its hash is different: agents write packs of 128 MiB at most."""

OnProgress = Callable[[str], None]
Clock = Callable[[], datetime]


@dataclass(frozen=True)
class RepositoryVerification:
    """The result of one run for a machine.

    ``problem`` is the error of the structure check, empty without error; ``damaged`` are altered or lost packs, of
    which at most `MAX_NAMED` are named; ``position`` is that of the round, 1 when it has just ended.
    ``is_cut_short``: a limit on bytes or time ended the run before its share was read.
    """

    machine: str
    problem: str
    damaged: tuple[DamagedPack, ...]
    damaged_count: int
    read_packs: int
    read_bytes: int
    position: float
    round_started_at: datetime
    last_full_round_at: datetime | None
    is_cut_short: bool

    @property
    def is_sound(self) -> bool:
        return not self.problem and not self.damaged_count


def bounds_of(settings: Verify) -> Bounds:
    """Return the limits of platform.yaml for verification."""
    return Bounds(timedelta(days=settings.period_days), settings.run_limit_bytes, settings.run_hours * 3600.0)


def verify(opened: OpenTenant, machine: str, on_progress: OnProgress, clock: Clock = utc_now) -> RepositoryVerification:
    """Check a machine's repository and read its next share of packs; records who read what, and the findings.

    May be killed and run again: it goes on. Packs that arrive meanwhile are read in this round or the next. BusyError
    while the repository is pruned.
    """
    refuse_while_blocked(opened.tenant)
    opened.machine(machine)
    refuse_unapplied(opened.tenant, opened.buckets, opened.log, [machine])
    refuse_while_pruned(opened.log, machine)
    on_progress("checking the structure of the repository")
    problem, lost = _check_structure(opened, machine)
    layout = layout_of(machine, find_machine(of_buckets(opened.tenant), machine))
    packs = _Packs(opened.buckets.open(machine), layout)
    reading = _Reading(packs, opened.log, machine, clock, bounds_of(opened.checkout.settings.verify))

    def note() -> datetime | None:
        found = recorded_rounds.RoundState(reading.round, lost, problem)
        return recorded_rounds.record_run(opened.log, machine, found, is_complete=reading.is_complete)

    # At once: the findings of the check are known even if the reads are killed.
    note()
    try:
        reading.run(on_progress, note)
    except BaseException:
        reading.is_complete = False
        note()
        raise
    ended, damaged = note(), {**reading.round.damaged, **lost}
    return RepositoryVerification(
        machine=machine,
        problem=problem,
        damaged=tuple(name_damaged(damaged)),
        damaged_count=len(damaged),
        read_packs=reading.read_packs,
        read_bytes=reading.read_bytes,
        position=1.0 if reading.is_complete else reading.round.position,
        round_started_at=reading.round.started_at,
        last_full_round_at=ended,
        is_cut_short=reading.is_cut_short,
    )


def list_machines_to_verify(tenant: Tenant, buckets: TenantBuckets) -> list[str]:
    """Return the machines that have a bucket, retired ones too: their backups are kept as well."""
    return buckets.existing().among(tenant.machines)


def _check_structure(opened: OpenTenant, machine: str) -> tuple[str, dict[str, PackFault]]:
    """Compare index, snapshots and trees with the listing; returns the error, and the packs that it names."""
    began_at = utc_now()
    with work_folder(opened.checkout.root, WORK_PREFIX) as folder:
        repository = open_repository(opened, machine, RoutineUse(RoutineTask.CHECK_STRUCTURE), folder)
        try:
            repository.check()
        except RepositoryError as problem:
            refuse_while_pruned(opened.log, machine, began_at)
            packs = problem.damaged_packs
            lost = {name: PackFault.LOST if is_lost else PackFault.WRONG_SIZE for name, is_lost in packs.items()}
            return problem.message, lost
    return "", {}


@dataclass(frozen=True)
class _Packs:
    """The packs of a machine's repository."""

    bucket: Bucket
    layout: RepositoryLayout

    def walk(self) -> Iterator[tuple[str, ObjectFacts]]:
        """Yield each pack with its object, in the order of their names."""
        for facts in self.bucket.walk_objects(self.layout.prefix_of(Part.DATA)):
            found = self.layout.find(facts.key)
            if found is not None and found.part is Part.DATA:
                yield found.name, facts

    def hash(self, pack: str, size_bytes: int) -> str | PackFault | None:
        """Return the hash of a pack's content, at most so many bytes of it; None when the pack is gone."""
        try:
            return self.bucket.read_sha256(self.layout.key_of(RepositoryObject(Part.DATA, pack)), size_bytes)
        except PlatformAwayError:
            raise
        except RemoteError:
            return PackFault.UNREADABLE


class _Reading:
    """One run's reads of packs; ``round`` is the current position, recorded at checkpoints."""

    def __init__(self, packs: _Packs, log: Log, machine: str, clock: Clock, bounds: Bounds) -> None:
        self._clock, self._bounds, self._packs = clock, bounds, packs
        self._ends_at = time.monotonic() + bounds.limit_seconds
        self._noted_at = time.monotonic()
        self.round: Round = recorded_rounds.find_round(log, machine) or Round(clock())
        self.read_packs = self.read_bytes = 0
        self.is_cut_short = self.is_complete = False

    def run(self, on_progress: OnProgress, note: Callable[[], object]) -> None:
        """Read this run's share; ``note`` is called regularly, to record the position."""
        self._read_damaged_again()
        wanted = wanted_position(self.round, self._clock(), self._bounds.period)
        on_progress(f"reading packs, from {self.round.position:.0%} of the round")
        with ThreadPoolExecutor(READERS) as executor:
            under_way: deque[tuple[str, int, Future[str | PackFault | None]]] = deque()
            try:
                for pack, facts in self._list_share(wanted):
                    limit_bytes = facts.size_bytes
                    under_way.append((pack, limit_bytes, executor.submit(self._packs.hash, pack, limit_bytes)))
                    if len(under_way) > READERS:
                        self._take(*under_way.popleft())
                    if time.monotonic() - self._noted_at > CHECKPOINT_SECONDS:
                        note()
                        self._noted_at = time.monotonic()
                while under_way:
                    self._take(*under_way.popleft())
            finally:
                executor.shutdown(cancel_futures=True)

    def _list_share(self, wanted: float) -> Iterator[tuple[str, ObjectFacts]]:
        """Yield this run's packs in the order of their names; sets ``is_complete`` when the last pack is among them."""
        listed_bytes = 0
        for pack, facts in self._packs.walk():
            if pack <= self.round.last_pack:
                continue
            if listed_bytes >= LEAST_BYTES and position_of(pack) > wanted:
                return
            if listed_bytes + facts.size_bytes > self._bounds.limit_bytes and listed_bytes:
                self.is_cut_short = True
                return
            if time.monotonic() > self._ends_at:
                self.is_cut_short = True
                return
            listed_bytes += facts.size_bytes
            yield pack, facts
        self.is_complete = True

    def _take(self, pack: str, size_bytes: int, reading: "Future[str | PackFault | None]") -> None:
        self._judge(pack, reading.result())
        self.round = replace(
            self.round, last_pack=pack, packs=self.round.packs + 1, read_bytes=self.round.read_bytes + size_bytes
        )
        self.read_packs += 1
        self.read_bytes += size_bytes

    def _judge(self, pack: str, found: str | PackFault | None) -> None:
        damaged = {name: fault for name, fault in self.round.damaged.items() if name != pack}
        if isinstance(found, PackFault):
            damaged[pack] = found
        elif found is not None and found != pack:
            damaged[pack] = PackFault.ALTERED
        # None: deleted since the listing. It was pruned, or the next structure check reports it missing.
        self.round = replace(self.round, damaged=damaged)

    def _read_damaged_again(self) -> None:
        """First read the damaged packs again: undelete may have restored them."""
        for pack in sorted(self.round.damaged):
            self._judge(pack, self._packs.hash(pack, MAX_PACK_BYTES))
