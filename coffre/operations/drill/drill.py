"""A drill: reads a sample of a machine's files with SMILÉO's key, away from the machine, and compares it.

The backed-up data belongs to the customer: a drill writes no file of it here. Files are streamed, counted and hashed.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from coffre.agents.kinds import layout_of
from coffre.agents.report import Report
from coffre.agents.repository import REPLACED, HostileSnapshotError, Part, Repository, RepositoryError
from coffre.errors import UsageError
from coffre.findings import Finding
from coffre.observation.judge.gaps import judge_snapshot_paths
from coffre.observation.reports import list_reports
from coffre.observation.sighting import look
from coffre.observation.upkeep import refuse_while_pruned
from coffre.operations.drill.sampling import ReportedHash, Sample, SnapshotFile, choose_sample, find_empty, readable
from coffre.operations.drill.streaming import compare, stream_sample
from coffre.operations.repository import open_repository
from coffre.records.facts.backups import Drilled, Reading
from coffre.records.facts.fact import RecordedFinding
from coffre.records.facts.password_uses import DrillUse
from coffre.spec.tenant import Tenant
from coffre.tenant.access import refuse_while_blocked
from coffre.tenant.estate.buckets import TenantBuckets
from coffre.tenant.estate.memory import TenantMemory
from coffre.tenant.estate.secrets import TenantSecrets
from coffre.tenant.opening import OpenTenant
from coffre.tenant.presence import refuse_unapplied
from coffre.workspace.clock import utc_now
from coffre.workspace.work_folder import work_folder

WORK_PREFIX = "drill-"


@dataclass(frozen=True)
class Drill:
    """The result of a drill. ``problems`` is empty when every file was read completely and matches.

    ``losses`` is what storage had before and has lost, ``gaps`` the paths of the plan without any file in the snapshot:
    with either of them no drill passes, even if all files match. ``others`` names the machines that back up under
    this one's name: their snapshots are not drilled. ``read_seconds`` is how long the sample took.
    """

    machine: str
    seed: int
    snapshot_id: str
    compared_by_hash: int
    compared_by_size: int
    read_bytes: int
    problems: tuple[str, ...]
    losses: tuple[Finding, ...] = ()
    others: tuple[Finding, ...] = ()
    gaps: tuple[Finding, ...] = ()
    read_seconds: float | None = None

    @property
    def is_passed(self) -> bool:
        return not self.problems and not self.losses and not self.gaps


def drill(opened: OpenTenant, machine: str, seed: int, on_progress: Callable[[str], None]) -> Drill:
    """Read a sample of the newest recorded snapshot and compare it; records who read what, why, and the result.

    Some files are always compared with hashes that the agent took on the machine: a drill without any proves too
    little, fails and says so. No data of the machine is written here. BusyError while the repository is pruned.
    """
    refuse_while_blocked(opened.tenant)
    opened.machine(machine)
    refuse_unapplied(opened.tenant, opened.buckets, opened.log, [machine])
    refuse_while_pruned(opened.log, machine)
    newest = _newest_reported(opened.tenant, opened.buckets, opened.secrets, opened.memory, machine)
    return _drill(opened, machine, seed, newest, on_progress)


def drill_copy(
    opened: OpenTenant, copied: OpenTenant, machine: str, seed: int, on_progress: Callable[[str], None]
) -> Drill:
    """Do the same from the second copy alone, with its newest snapshot that a report describes; see `drill`."""
    refuse_while_blocked(opened.tenant)
    opened.machine(machine)
    refuse_unapplied(copied.tenant, copied.buckets, copied.log, [machine])
    newest = _newest_copied(opened, copied, machine)
    return _drill(copied, machine, seed, newest, on_progress)


def _drill(opened: OpenTenant, machine: str, seed: int, newest: "_Newest", on_progress: Callable[[str], None]) -> Drill:
    snapshot_id, reported, began_at = newest.snapshot_id, newest.hashes, utc_now()
    if not newest.is_stored:
        problems = ("the snapshot that its machine reported is not in its bucket",)
        return _settle(opened, Drill(machine, seed, snapshot_id, 0, 0, 0, problems, newest.losses, newest.others), ())
    with _cache_folder(opened.checkout.root) as cache:
        repository = open_repository(opened, machine, DrillUse(snapshot_id, seed), cache)
        try:
            on_progress(f"reading the list of files of snapshot {snapshot_id[:8]}")
            files = _list_files(repository, snapshot_id)
            lacking = set(find_empty(files, newest.roots))
            sample = choose_sample(files, reported, seed, [root for root in newest.roots if root not in lacking])
            on_progress(f"reading {len(sample.sizes)} files")
            done = _read_and_compare(machine, repository, snapshot_id, sample)
            gaps = judge_snapshot_paths(machine, newest.told, lacking)
        except (RepositoryError, HostileSnapshotError) as problem:
            # No sample could be chosen: the list of files is unreadable in the repository, or forged.
            done = Drill(machine, seed, snapshot_id, 0, 0, 0, (problem.message,))
            sample, gaps = Sample(seed, (), ()), judge_snapshot_paths(machine, newest.told, ())
    if done.problems and not opened.tenant.is_copy:
        refuse_while_pruned(opened.log, machine, began_at)
    return _settle(opened, replace(done, losses=newest.losses, others=newest.others, gaps=gaps), sample.paths)


def _settle(opened: OpenTenant, done: Drill, paths: Sequence[str]) -> Drill:
    """Record the result of a drill."""
    drilled = Drilled(
        seed=done.seed,
        snapshot_id=done.snapshot_id,
        files=tuple(readable(path) for path in paths),
        problems=tuple(done.problems),
        losses=tuple(RecordedFinding(loss.kind.value, loss.evidence) for loss in done.losses),
        gaps=tuple(RecordedFinding(gap.kind.value, gap.evidence) for gap in done.gaps),
        copied_to=opened.tenant.copied_to,
        reading=_reading(opened.tenant, done),
    )
    opened.log.append(drilled, done.machine)
    return done


def _reading(tenant: Tenant, done: Drill) -> Reading | None:
    """Return how long the sample took; None when something of it did not come back as it should."""
    if done.read_seconds is None or done.problems:
        return None
    files = done.compared_by_hash + done.compared_by_size
    return Reading(round(done.read_seconds, 3), done.read_bytes, files, tenant.storage.platform)


@dataclass(frozen=True)
class _Newest:
    """The snapshot to drill, what the agent reported of its files, and what storage has lost meanwhile."""

    snapshot_id: str
    hashes: list[ReportedHash]
    is_stored: bool
    losses: tuple[Finding, ...]
    others: tuple[Finding, ...]
    told: Report | None = None

    @property
    def roots(self) -> list[str]:
        """The paths of the plan that gave files, in the form of the snapshot."""
        paths = (self.told.paths if self.told is not None else None) or ()
        return list(dict.fromkeys(each.stored_as for each in paths if each.files and each.stored_as))


def _newest_reported(
    tenant: Tenant, buckets: TenantBuckets, secrets: TenantSecrets, memory: TenantMemory, machine: str
) -> _Newest:
    """Return the newest snapshot with a sealed report seen by Coffre, regardless of the bucket's current content.

    For a machine that has never sealed a report, the snapshot of its newest report in clear.
    """
    expected = {each.snapshot_id: each.released is None for each in memory.recall(machine).snapshots.values()}
    seen = look(
        tenant,
        buckets,
        secrets,
        memory,
        machine,
        until=lambda report: report.snapshot_id is not None and expected.get(report.snapshot_id, True),
    )
    newest, reports = seen.memory.newest_reported, seen.reported.reports
    if newest is not None:
        told = next((report for report in reports if report.number == newest.report_number), None)
        snapshot_id: str | None = newest.snapshot_id
    else:
        in_clear = (report for report in reports if report.number is None)
        told = next((report for report in in_clear if report.snapshot_id is not None), None)
        snapshot_id = told.snapshot_id if told is not None else None
    if snapshot_id is None:
        raise UsageError(
            f"{machine} has no report of a backup yet"
            + (", but another machine sends reports under its name" if seen.others else ""),
            f"Run `coffre backup {tenant.slug}` first; `coffre status` shows what its bucket contains.",
        )
    hashes = [ReportedHash(each.exact_path, each.size_bytes, each.sha256) for each in told.samples] if told else []
    return _Newest(snapshot_id, hashes, snapshot_id in seen.stored.snapshots, seen.losses, seen.others, told)


def _newest_copied(opened: OpenTenant, copied: OpenTenant, machine: str) -> _Newest:
    """Return the newest snapshot of a machine's copy that a report there describes; nothing is remembered of it.

    The tenant's own platform is not asked: it may be lost.
    """
    layout, bucket = layout_of(machine, opened.machine(machine)), copied.buckets.open(machine)
    listed = (layout.find(facts.key) for facts in bucket.walk_objects(layout.prefix_of(Part.SNAPSHOTS)))
    stored = {found.name for found in listed if found is not None}

    def is_stored(report: Report) -> bool:
        return report.snapshot_id in stored

    reports = list_reports(copied.buckets, opened.secrets, opened.memory, machine, until=is_stored)
    told = next(filter(is_stored, reports), None)
    if told is None or told.snapshot_id is None:
        raise UsageError(
            f"the second copy of {machine} has no snapshot with a report yet",
            f"Run `coffre copy {opened.tenant.slug}`.",
        )
    hashes = [ReportedHash(each.exact_path, each.size_bytes, each.sha256) for each in told.samples]
    return _Newest(told.snapshot_id, hashes, is_stored=True, losses=(), others=(), told=told)


def _list_files(repository: Repository, snapshot_id: str) -> list[SnapshotFile]:
    nodes = [node for node in repository.ls(snapshot_id) if node.type == "file"]
    if not any(REPLACED in node.path for node in nodes):
        return [SnapshotFile(node.path, node.size_bytes) for node in nodes]
    return [
        SnapshotFile(path.decode("utf-8", "surrogateescape"), node.size_bytes)
        for node, path in repository.ls_bytes(snapshot_id)
        if node.type == "file"
    ]


def _read_and_compare(machine: str, repository: Repository, snapshot_id: str, sample: Sample) -> Drill:
    problems = [] if sample.reported else ["the snapshot has none of the files whose hashes the agent reported"]
    began = time.monotonic()
    streamed = stream_sample(repository, snapshot_id, sample)
    seconds = time.monotonic() - began
    problems += compare(sample, streamed)
    read_bytes = sum(each.size_bytes for each in streamed.values())
    return Drill(
        machine,
        sample.seed,
        snapshot_id,
        len(sample.reported),
        len(sample.others),
        read_bytes,
        tuple(problems),
        read_seconds=seconds,
    )


@contextmanager
def _cache_folder(root: Path) -> Iterator[Path | None]:
    """Give a folder for the repository's structure, so that it is read once, not per file; None without room."""
    with ExitStack() as opened:
        try:
            folder = opened.enter_context(work_folder(root, WORK_PREFIX))
        except OSError:
            folder = None
        yield folder
