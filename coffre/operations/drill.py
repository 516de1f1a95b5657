"""A drill: a sample of a machine's files restored with SMILÉO's key, away from the machine, and compared."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from coffre import toolchain
from coffre.agents.restic.repository import Repository, ResticError
from coffre.errors import ExpectedError, UsageError
from coffre.operations.blocked import refuse_while_blocked
from coffre.operations.reports import iter_reports
from coffre.operations.repositories import open_repository
from coffre.operations.sampling import ReportedHash, Sample, SnapshotFile, choose_sample
from coffre.operations.service import Service
from coffre.operations.work_folder import work_folder
from coffre.records.events import EventKind
from coffre.spec.sizes import format_bytes

WORK_PREFIX = "drill-"
NO_ROOM = "no space left on device"


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
    """Restore a sample of the newest reported snapshot and compare it; records who read what, why, and the result.

    Some files are always compared with hashes that the agent took on the machine: a drill without any proves too little
    and fails, saying so. What was restored is deleted before this returns.
    """
    refuse_while_blocked(service.tenant)
    service.machine(machine)
    snapshot_id, reported = _newest_reported(service, machine)
    repository = open_repository(service, machine, f"drill of snapshot {snapshot_id[:8]}, seed {seed}")
    try:
        on_progress(f"reading the list of files of snapshot {snapshot_id[:8]}")
        files = [SnapshotFile(node.path, node.size_bytes) for node in repository.ls(snapshot_id) if node.type == "file"]
        sample = choose_sample(files, reported, seed)
        on_progress(f"restoring {len(sample.sizes)} files")
        done = _restore_and_compare(service, machine, repository, snapshot_id, sample)
    except ResticError as problem:
        # The sample could not even be chosen: the list of files does not come out of the repository.
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


def _restore_and_compare(
    service: Service, machine: str, repository: Repository, snapshot_id: str, sample: Sample
) -> Drill:
    problems = [] if sample.reported else ["the snapshot has none of the files whose hashes the agent reported"]
    with work_folder(service.repository.root, WORK_PREFIX) as folder:
        try:
            repository.restore(snapshot_id, folder, includes=sample.paths, no_cache=True)
        except ResticError as problem:
            if NO_ROOM in problem.message:
                needed = format_bytes(sum(sample.sizes.values()))
                raise ExpectedError(
                    f"no room is left in {folder.parent} for the {needed} of the sample",
                    "Make room, then drill again: this says nothing about the backup.",
                ) from problem
            problems.append(problem.message)
        problems += compare(sample, folder)
        files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
        restored_bytes = sum(path.stat().st_size for path in files)
    return Drill(
        machine, sample.seed, snapshot_id, len(sample.reported), len(sample.others), restored_bytes, tuple(problems)
    )


def compare(sample: Sample, folder: Path) -> Iterator[str]:
    """Yield what is wrong with the restored files: missing, of another size, or of other content than was reported."""
    for path, size_bytes in sample.sizes.items():
        restored = folder / path.lstrip("/")
        if not restored.is_file():
            yield f"{path}: not restored"
        elif restored.stat().st_size != size_bytes:
            yield f"{path}: {restored.stat().st_size} bytes instead of {size_bytes}"
    for file in sample.reported:
        restored = folder / file.path.lstrip("/")
        if restored.is_file() and toolchain.sha256_file(restored) != file.sha256:
            yield f"{file.path}: its content is not what the machine reported"
