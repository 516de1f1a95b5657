"""How long restores and first backups take, from the records alone: no platform and no machine is asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from coffre.agents.kinds import with_repository
from coffre.observation.judge.uplink import MachineUpload, MeasuredRun, Uploads, judge_uploads
from coffre.records.database.store import Records
from coffre.records.events import Event, EventKind
from coffre.records.facts.backups import Drilled, Restored
from coffre.records.facts.registry import read_as
from coffre.spec.parts import of_buckets
from coffre.spec.tenant import Tenant
from coffre.supervision.judge.restoring.restore_time import ENOUGH, RestoreTime, Sample, SampleKind, foresee_restore
from coffre.supervision.observe.runs import unpack_runs
from coffre.supervision.observe.seen import SeenMachine, recall_machine

SAMPLES_SINCE = timedelta(days=730)
"""Older samples are of another line."""


@dataclass(frozen=True)
class Line:
    """The way of a restore: from a platform onto a machine; None is the computer on which Coffre runs."""

    platform: str
    onto: str | None = None


@dataclass(frozen=True)
class MachineRestore:
    """How long a full restore of a machine takes over a line.

    ``is_of_all`` tells that the tenant has too few samples, and that those of all tenants on its platform over SMILÉO's
    own line were taken: these are no customer's data.
    """

    machine: str
    line: Line
    time: RestoreTime
    is_of_all: bool = False


@dataclass
class TimedReadings:
    """The drills and restores that were timed; those of all tenants are read once, on first need."""

    records: Records
    now: datetime
    _of_all: Mapping[Line, Sequence[Sample]] | None = None

    def foresee(
        self, tenant: Tenant, seen: Mapping[str, SeenMachine | None], size_bytes: int | None = None
    ) -> list[MachineRestore]:
        """Return how long a full restore of each machine takes, or of ``size_bytes`` of any of them.

        A restore onto the machine itself is among them once there is a sample of it. A machine whose backups SMILÉO
        cannot open is not among them.
        """
        own = self._read(tenant.id)
        found = []
        for name in with_repository(of_buckets(tenant).machines):
            size = full_size(seen.get(name)) if size_bytes is None else size_bytes
            here, itself = Line(tenant.storage.platform), Line(tenant.storage.platform, name)
            samples: Sequence[Sample] = own.get(here, ())
            is_of_all = len(samples) < ENOUGH
            if is_of_all:
                samples = self._house().get(here, ())
            found.append(MachineRestore(name, here, foresee_restore(samples, size), is_of_all))
            if itself in own:
                found.append(MachineRestore(name, itself, foresee_restore(own[itself], size)))
        return found

    def _house(self) -> Mapping[Line, Sequence[Sample]]:
        if self._of_all is None:
            self._of_all = self._read(None)
        return self._of_all

    def _read(self, tenant_id: str | None) -> dict[Line, list[Sample]]:
        kinds = {EventKind.DRILL, EventKind.RESTORED}
        found: dict[Line, list[Sample]] = {}
        for event in self.records.select_events(tenant_id, kinds, since=self.now - SAMPLES_SINCE):
            _add(found, event)
        return found


def _add(found: dict[Line, list[Sample]], event: Event) -> None:
    if event.kind is EventKind.DRILL:
        kind, reading = SampleKind.DRILL, read_as(event, Drilled).reading
    else:
        kind, reading = SampleKind.RESTORE, read_as(event, Restored).reading
    if reading is not None:
        line = Line(reading.platform, reading.onto)
        found.setdefault(line, []).append(Sample(kind, reading.seconds, reading.read_bytes))


def full_size(seen: SeenMachine | None) -> int | None:
    """Return the bytes of the files of a machine's newest backup, by its reports; None when no pass saw one."""
    runs = () if seen is None else unpack_runs(seen.runs)
    return next((each.bytes_processed for each in reversed(runs) if each.snapshot_id is not None), None)


def read_uploads(records: Records | None, tenant: Tenant) -> Uploads:
    """Return what is known of the first backups of a tenant's machines; without records none was made yet."""
    watched = {} if records is None else records.supervision.read_watched(tenant.id).get(tenant.id, {})
    memories = {} if records is None else records.read_memories(tenant.id)
    machines = {}
    for name, machine in tenant.active_machines().items():
        seen = recall_machine(watched.get(name))
        has_snapshots = name in memories and bool(memories[name].snapshots)
        machines[name] = MachineUpload(
            has_backup=has_snapshots or (seen is not None and seen.newest_snapshot_at is not None),
            volume_bytes=machine.volume_bytes,
            own_bits_per_second=None if machine.line is None else machine.line.upload_bits_per_second,
            runs=_list_measured(seen),
        )
    return judge_uploads(machines, None if tenant.line is None else tenant.line.upload_bits_per_second)


def _list_measured(seen: SeenMachine | None) -> list[MeasuredRun]:
    runs = () if seen is None else unpack_runs(seen.runs)
    return [
        MeasuredRun(each.bytes_added, each.upload_bytes_per_second)
        for each in runs
        if each.upload_bytes_per_second is not None
    ]
