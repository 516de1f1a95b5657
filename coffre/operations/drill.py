"""A drill: a sample of a machine's files read with SMILÉO's key, away from the machine, and compared.

What a machine backed up is somebody else's: a drill makes no file of it here. Each is streamed, counted and hashed.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from coffre.agents.restic.repository import HostileSnapshotError, Repository, ResticError
from coffre.errors import UsageError
from coffre.operations.blocked import refuse_while_blocked
from coffre.operations.reports import iter_reports
from coffre.operations.repositories import open_repository
from coffre.operations.sampling import ReportedHash, Sample, SnapshotFile, choose_sample
from coffre.operations.service import Service
from coffre.operations.streaming import compare, find_exact_paths, stream_sample, without_twins
from coffre.operations.work_folder import work_folder
from coffre.records.events import EventKind

WORK_PREFIX = "drill-"


@dataclass(frozen=True)
class Drill:
    """What a drill found. ``problems`` is empty when every file came back as it should."""

    machine: str
    seed: int
    snapshot_id: str
    compared_by_hash: int
    compared_by_size: int
    restored_bytes: int
    problems: tuple[str, ...]

    @property
    def is_passed(self) -> bool:
        return not self.problems


def drill(service: Service, machine: str, seed: int, on_progress: Callable[[str], None]) -> Drill:
    """Read a sample of the newest reported snapshot and compare it; records who read what, why, and the result.

    Some files are always compared with hashes that the agent took on the machine: a drill without any proves too little
    and fails, saying so. Nothing of the machine's is written here.
    """
    refuse_while_blocked(service.tenant)
    service.machine(machine)
    snapshot_id, reported = _newest_reported(service, machine)
    with _cache_folder(service.repository.root) as cache:
        reason = f"drill of snapshot {snapshot_id[:8]}, seed {seed}"
        repository = open_repository(service, machine, reason, cache)
        try:
            on_progress(f"reading the list of files of snapshot {snapshot_id[:8]}")
            sample = choose_sample(_list_files(repository, snapshot_id), reported, seed)
            on_progress(f"reading {len(sample.sizes)} files")
            done = _read_and_compare(machine, repository, snapshot_id, sample)
        except (ResticError, HostileSnapshotError) as problem:
            # The sample could not even be chosen: the list of files does not come out of the repository, or is forged.
            done = Drill(machine, seed, snapshot_id, 0, 0, 0, (problem.message,))
            sample = Sample(seed, (), ())
    service.record(
        EventKind.DRILL, machine, seed=seed, snapshot=snapshot_id, files=sample.paths, problems=list(done.problems)
    )
    return done


def _newest_reported(service: Service, machine: str) -> tuple[str, list[ReportedHash]]:
    """Return the snapshot of the newest report that speaks of one, with the hashes the agent took then."""
    for report in iter_reports(service.owner_bucket(machine)):
        if report.snapshot_id is not None:
            return report.snapshot_id, [
                ReportedHash(sample.path, sample.size_bytes, sample.sha256) for sample in report.samples
            ]
    raise UsageError(f"{machine} has no report of a backup yet", f"Run `coffre backup {service.tenant.slug}` first.")


def _list_files(repository: Repository, snapshot_id: str) -> list[SnapshotFile]:
    nodes = (node for node in repository.ls(snapshot_id) if node.type == "file")
    return without_twins([SnapshotFile(node.path, node.size_bytes) for node in nodes])


def _read_and_compare(machine: str, repository: Repository, snapshot_id: str, sample: Sample) -> Drill:
    problems = [] if sample.reported else ["the snapshot has none of the files whose hashes the agent reported"]
    streamed = stream_sample(repository, snapshot_id, sample, find_exact_paths(repository, snapshot_id, sample.paths))
    problems += compare(sample, streamed)
    read_bytes = sum(each.size_bytes for each in streamed.values())
    return Drill(
        machine, sample.seed, snapshot_id, len(sample.reported), len(sample.others), read_bytes, tuple(problems)
    )


@contextmanager
def _cache_folder(root: Path) -> Iterator[Path | None]:
    """Give a folder for the repository's structure, so that it is read once, not for each file; None without room."""
    with ExitStack() as opened:
        try:
            folder = opened.enter_context(work_folder(root, WORK_PREFIX))
        except OSError:
            folder = None
        yield folder
