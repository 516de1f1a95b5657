"""Returns a machine's snapshots as plain files in a bag: restored, compared with the repository, and listed."""

import time
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from coffre.agents.repository import IncompleteRestoreError, Repository, RepositoryError, Snapshot
from coffre.errors import ExpectedError, RemoteError
from coffre.observation.judge.identity import is_others_snapshot
from coffre.observation.sighting import look_at_reports
from coffre.offboarding.handover import settling
from coffre.offboarding.handover.bag.bag import hash_files, sync, write_manifest
from coffre.offboarding.handover.bag.layout import DATA, ENTRIES, PROBLEMS
from coffre.offboarding.handover.entries import (
    FILE,
    MissingEntriesError,
    SnapshotEntry,
    Tree,
    read_entries,
    to_line,
)
from coffre.offboarding.handover.job import Job, Written, tell_parts
from coffre.offboarding.handover.progress import ReturnProgress, begin, forget_written, read_progress, save_progress
from coffre.offboarding.handover.targets.room import (
    Need,
    count_larger,
    largest_block_bytes,
    need_of,
    present_bytes,
    refuse_larger,
    refuse_without_room,
)
from coffre.offboarding.lifecycle.evidence import Flaws
from coffre.operations.repository import open_repository
from coffre.operations.restore.streamed_file import NotTakenError, is_as_listed, write_file
from coffre.outside.beneath import Beneath
from coffre.spec.leaving import ReturnedSnapshots
from coffre.spec.values.sizes import format_bytes
from coffre.workspace.clock import utc_now
from coffre.workspace.work_folder import work_folder

CACHE_PREFIX = "return-cache-"
NO_ROOM = "no space left on device"


def write_files(job: Job) -> Written:
    """Write a machine's snapshots into its bag, continuing an interrupted call.

    restic reads the files back from the disk and compares them with the repository before the manifest is written.
    """
    root = job.opened.checkout.root
    with work_folder(root, CACHE_PREFIX) as cache:
        repository = open_repository(job.opened, job.machine, job.reason, cache)
        listed = repository.list_snapshots()
        snapshots = {each.id: each for each in listed.usable}
        memory = look_at_reports(job.opened.buckets, job.opened.secrets, job.opened.memory, job.machine)
        others = {each.id for each in listed.usable if is_others_snapshot(memory, each.id, each.tags)}
        for each in sorted(others):
            job.on_progress(f"{job.machine}: another machine took snapshot {each} under its name")
        for odd in listed.odd:
            job.on_progress(f"{job.machine}: snapshot {odd.id} is left out: restic does not write such a {odd.field}")
        progress = _begin(job, repository, snapshots, others)
        read_back_began = time.perf_counter()
        if not progress.is_listed:
            progress = _restore(job, repository, snapshots, progress)
            read_back_began = time.perf_counter()
            _read_back(job, repository, snapshots, progress)
            progress = _list_entries(job, repository, snapshots, progress)
    job.on_progress(f"{job.machine}: hashing the written files")
    settling.settle(job.bag)
    payload = write_manifest(job.bag, hash_files(job.bag, settling.list_stored_files(job.bag)))
    return Written(
        payload=payload,
        snapshots=progress.snapshots,
        renamed=progress.renamed,
        written_at=progress.written_at,
        write_seconds=progress.write_seconds,
        read_back_seconds=time.perf_counter() - read_back_began,
        set_aside=tuple(each.id for each in listed.odd),
        flaws=Flaws(apart=progress.apart, left_out=progress.left_out),
    )


def choose(snapshots: dict[str, Snapshot], wanted: ReturnedSnapshots, others: Collection[str] = ()) -> tuple[str, ...]:
    """Return the ids of the snapshots to return, oldest first by the machine's clock. Pure.

    ``others`` are another machine's: the latest is one of them only when there is no other.
    """
    by_age = sorted(snapshots.values(), key=lambda snapshot: (snapshot.id not in others, snapshot.taken_at))
    if wanted is ReturnedSnapshots.ALL:
        by_age.sort(key=lambda snapshot: snapshot.taken_at)
    return tuple(each.id for each in (by_age if wanted is ReturnedSnapshots.ALL else by_age[-1:]))


def folder_of(snapshot: Snapshot, wanted: ReturnedSnapshots) -> str:
    """Return the folder of a snapshot below data/; none for the latest alone. Pure."""
    if wanted is ReturnedSnapshots.LATEST:
        return ""
    return f"{snapshot.taken_at:%Y-%m-%dT%H-%M-%SZ}-{snapshot.id[:8]}"


def _begin(job: Job, repository: Repository, snapshots: dict[str, Snapshot], others: Collection[str]) -> ReturnProgress:
    """Choose the snapshots, or find those of the interrupted return, and check that they have room."""
    found = read_progress(job.bag)
    chosen = choose(snapshots, job.wanted.snapshots, others) if found is None else found.snapshots
    gone = [each for each in chosen if each not in snapshots]
    if gone:
        raise ExpectedError(
            f"{job.machine}: the unfinished return in {job.bag} has a snapshot that no longer exists",
            "Remove that folder and run the same command again.",
        )
    if found is None or not found.is_listed:
        job.on_progress(f"{job.machine}: checking the room for {len(chosen)} snapshots")
        folders = [job.bag, *([job.limits.disk] if job.limits.disk else [])]
        block_bytes = largest_block_bytes(*folders)
        larger: list[int] = []
        listed = (count_larger(repository.ls(each), job.limits.largest_bytes, larger) for each in chosen)
        need = sum((need_of(nodes, block_bytes) for nodes in listed), Need())
        refuse_larger(larger, job.limits.largest_bytes, folders[-1])
        for folder in folders:
            refuse_without_room(need, folder, present_bytes(folder) if found is not None or folder != job.bag else 0)
    return begin(job.bag, ReturnProgress(job.name, job.wanted.format.value, chosen))


def _restore(
    job: Job, repository: Repository, snapshots: dict[str, Snapshot], progress: ReturnProgress
) -> ReturnProgress:
    (job.bag / DATA).mkdir(exist_ok=True)
    for each in progress.snapshots:
        if each in progress.written:
            continue
        began = time.perf_counter()
        try:
            repository.restore(
                each, _place(job, snapshots[each]), on_progress=tell_parts(job, 1.0, f"of snapshot {each[:8]} written")
            )
        except IncompleteRestoreError as problem:
            job.on_progress(f"{job.machine}: {job.bag} does not accept all files in place ({problem.failed} errors)")
            progress = replace(progress, incomplete=(*progress.incomplete, each))
        except RepositoryError as problem:
            raise _without_names(job, problem) from problem
        seconds = progress.write_seconds + time.perf_counter() - began
        progress = replace(progress, written=(*progress.written, each), write_seconds=seconds)
        progress = save_progress(job.bag, replace(progress, written_at=utc_now().isoformat()))
    return progress if progress.written_at else replace(progress, written_at=utc_now().isoformat())


def _read_back(job: Job, repository: Repository, snapshots: dict[str, Snapshot], progress: ReturnProgress) -> None:
    """Compare the files on the disk with the repository."""
    job.on_progress(f"{job.machine}: reading back the written files")
    settling.make_readable(job.bag)
    sync(job.bag)
    settling.forget_cached(job.bag)
    for each in progress.snapshots:
        try:
            skipped = _list_misplaced(job, repository, snapshots[each]) if each in progress.incomplete else ()
            differing = repository.compare(each, _place(job, snapshots[each]), skipped)
        except RepositoryError as problem:
            raise _without_names(job, problem) from problem
        if differing:
            save_progress(job.bag, forget_written(progress, each))
            raise ExpectedError(
                f"{job.machine}: {format_bytes(differing)} read back from {job.bag} differ from the backup",
                "Check the disk, then run the same command again: it writes these files again.",
            )


def _list_misplaced(job: Job, repository: Repository, snapshot: Snapshot) -> frozenset[str]:
    """Return restic's files that are missing or wrong in their place."""
    with Beneath(job.bag) as bag:
        root = Tree(bag, folder_of(snapshot, job.wanted.snapshots)).root
        return frozenset(
            node.path
            for node, path in repository.ls_bytes(snapshot.id)
            if node.type == FILE and not is_as_listed(node, bag.find(root + path))
        )


def _list_entries(
    job: Job, repository: Repository, snapshots: dict[str, Snapshot], progress: ReturnProgress
) -> ReturnProgress:
    """Write the tag file of entries, and compare restic's list with the restored files."""
    pending, renamed, apart, left_out = job.bag / f".{ENTRIES}", 0, 0, 0
    with pending.open("w", encoding="utf-8", newline="\n") as lines, Beneath(job.bag) as bag:
        for each in progress.snapshots:
            tree = Tree(bag, folder_of(snapshots[each], job.wanted.snapshots), job.limits)
            try:
                listed = repository.ls_bytes(each)
                for found in read_entries(tree, listed, is_incomplete=each in progress.incomplete):
                    entry = _hand_apart(job, repository, bag, each, found) if found.is_apart else found
                    lines.write(to_line(entry))
                    renamed += entry.has_stand_in and not entry.is_apart
                    apart += entry.is_apart
                    left_out += bool(entry.left_out)
            except MissingEntriesError as problem:
                save_progress(job.bag, forget_written(progress, each))
                raise ExpectedError(
                    f"{job.machine}: {problem.count} entries of snapshot {each[:8]} are missing or wrong in {job.bag}",
                    "Run the same command again: it writes the missing entries.",
                ) from problem
    pending.replace(job.bag / ENTRIES)
    listed_now = replace(progress, is_listed=True, renamed=renamed, apart=apart, left_out=left_out)
    return save_progress(job.bag, listed_now)


def _hand_apart(job: Job, repository: Repository, bag: Beneath, snapshot: str, entry: SnapshotEntry) -> SnapshotEntry:
    """Write a file to its other place, or note in its entry why no place accepts it."""
    assert entry.stored is not None  # noqa: S101 - a file that is apart has its place
    try:
        write_file(repository, snapshot, entry.path, bag, entry.stored)
    except NotTakenError as problem:
        return replace(entry, stored=None, is_apart=False, left_out=f"refusé par le support : {problem}")
    except RepositoryError as problem:
        raise _without_names(job, problem) from problem
    except OSError as problem:
        raise _no_room(job) from problem
    return entry


def _place(job: Job, snapshot: Snapshot) -> Path:
    return job.bag / DATA / folder_of(snapshot, job.wanted.snapshots)


def _without_names(job: Job, problem: RepositoryError) -> ExpectedError:
    """Return restic's failure without file names: they belong to the customer, and errors are logged."""
    if problem.damage:
        return RemoteError(f"{job.machine}: {problem.damage}", problem.hint)
    if not problem.may_name_files:
        return problem
    if NO_ROOM in problem.message or any(NO_ROOM in line for line in problem.said):
        return _no_room(job)
    said = job.bag / PROBLEMS
    said.write_text("\n".join([problem.message, *problem.said, ""]), encoding="utf-8", errors="backslashreplace")
    return RemoteError(
        f"{job.machine}: restic did not finish; its messages are in {said}, since they may name the customer's files",
        "Correct the cause; the same command then continues where it stopped. If the messages repeat, name another "
        "target, or return the repository instead of files.",
    )


def _no_room(job: Job) -> ExpectedError:
    return ExpectedError(
        f"{job.machine}: no room is left in {job.bag}",
        "Make room, then run the same command again: it continues where it stopped.",
    )
