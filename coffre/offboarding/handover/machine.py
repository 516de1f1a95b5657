"""Returns a machine's data (contract, article 14; GDPR, article 28(3)(g)): plans, writes, and reads it back."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from coffre.agents.kinds import with_repository
from coffre.agents.repository import Part
from coffre.errors import ExpectedError, RefusedError
from coffre.offboarding.handover.bag.bag import Payload, find_changed
from coffre.offboarding.handover.bag.layout import DATA, SUMMARY, TAG_MANIFEST
from coffre.offboarding.handover.bag.tags import describe
from coffre.offboarding.handover.files import choose, write_files
from coffre.offboarding.handover.job import AT_THE_END, Job, OnProgress, Purpose, Written
from coffre.offboarding.handover.progress import finish, read_summary
from coffre.offboarding.handover.repository import formats_of, list_repository, need_of_objects, write_repository
from coffre.offboarding.handover.settling import forget_cached
from coffre.offboarding.handover.targets.bucket import bucket_target
from coffre.offboarding.handover.targets.carried import CarriedTarget
from coffre.offboarding.handover.targets.room import (
    Need,
    largest_block_bytes,
    need_of,
    refuse_absent,
    refuse_without_room,
)
from coffre.offboarding.handover.targets.staging import remove_others, staging_folder, staging_root
from coffre.offboarding.handover.targets.windows_disk import WindowsDisk, is_windows_disk
from coffre.offboarding.lifecycle.evidence import Flaws, Returned
from coffre.operations.repository import open_repository
from coffre.operations.restore.setting_aside import list_aside_ids
from coffre.outside.beneath import Beneath
from coffre.records.facts.password_uses import RoutineTask, RoutineUse
from coffre.spec.leaving import DirectoryTarget, Return, ReturnFormat, S3Target
from coffre.spec.loader import Checkout
from coffre.spec.tenant import Tenant
from coffre.tenant.access import refuse_while_blocked
from coffre.tenant.opening import OpenTenant
from coffre.workspace.clock import utc_now
from coffre.workspace.work_folder import remove_folder

WRITERS = {ReturnFormat.FILES: write_files, ReturnFormat.REPOSITORY: write_repository}


@dataclass(frozen=True)
class PlannedReturn:
    """The size of one machine's return: files, their bytes, and their maximum on the target's disk."""

    machine: str
    snapshots: int
    files: int
    bytes: int
    needed_bytes: int


def return_machine(opened: OpenTenant, machine: str, wanted: Return, on_progress: OnProgress) -> Returned:
    """Return one machine's data and read it back from the target. May run twice, also after a kill.

    An interrupted return continues; a complete one is read back again. RefusedError before anything is written when
    there is no room, or the target contains something else.
    """
    opened = opened.of_buckets
    refuse_while_blocked(opened.tenant)
    opened.machine(machine)
    return hand_over(opened, machine, wanted, AT_THE_END, on_progress)


def hand_over(opened: OpenTenant, machine: str, wanted: Return, purpose: Purpose, on_progress: OnProgress) -> Returned:
    """Write one machine's bag to its target and read it back from there, for any purpose."""
    staging = staging_folder(opened.checkout.root, opened.tenant.slug, machine, wanted, purpose.reference)
    remove_others(staging)
    staged = Job(opened, machine, wanted, staging, purpose, on_progress)
    if isinstance(wanted.to, S3Target):
        target = bucket_target(opened.tenant, opened.storage, opened.secrets, wanted.to, machine)
        summary = target.find_summary()
        if summary is None:
            return _carry_over(staged, target)
        remove_folder(staging)
        return _read_back_bucket(staged, target, summary)
    job = replace(staged, bag=_target_folder(opened.tenant, machine, wanted.to))
    summary = read_summary(job.bag)
    if summary is not None:
        remove_folder(staging)
        return _read_back_folder(job, summary)
    if wanted.format is ReturnFormat.FILES and is_windows_disk(job.bag):
        on_progress(f"{machine}: the disk of {job.bag} is formatted for Windows: written here first, then copied there")
        return _carry_over(staged, WindowsDisk(machine, job.bag))
    written = write_bag(job)
    finish(job.bag)
    return _returned(job, written, str(job.bag))


def write_bag(job: Job) -> Written:
    """Write a bag into its local folder and read it back, or take a complete one from there."""
    summary = read_summary(job.bag)
    if summary is not None:
        return _written(summary, 0.0)
    aside = list_aside_ids(job.opened.buckets.open(job.machine), formats_of(job).layout)
    written = WRITERS[job.wanted.format](job)
    written = replace(written, set_aside=(*aside, *written.set_aside))
    describe(job, written)
    return written


def _carry_over(job: Job, target: CarriedTarget) -> Returned:
    """Write a bag here, copy it to its target, read all of it back from there, and remove it here.

    It is also removed after a failure; after a kill, the next run continues it.
    """
    job = replace(job, limits=target.limits)
    target.refuse_foreign(job)
    try:
        written = write_bag(job)
        total_bytes, began = written.payload.bytes, time.perf_counter()
        target.upload(job, total_bytes)
        carried = time.perf_counter()
        changed = target.find_changed(job, job.bag, total_bytes)
        if changed:
            with Beneath(job.bag) as bag:
                there = [path for path in changed if bag.is_file(path.encode())]
            target.upload_again(job, there)
            _refuse_changed(job, target.shown, target.find_changed(job, job.bag, total_bytes))
        target.complete(job)
        read_back_seconds = written.read_back_seconds + time.perf_counter() - carried
        written = replace(
            written,
            written_at=utc_now().isoformat(),
            write_seconds=written.write_seconds + carried - began,
            read_back_seconds=read_back_seconds,
        )
        return _returned(job, written, target.shown)
    finally:
        remove_folder(job.bag)


def plan_return(opened: OpenTenant, wanted: Return, on_progress: OnProgress) -> list[PlannedReturn]:
    """Return the size of each machine's return, from the repositories themselves; nothing is written.

    RefusedError when the target has no room for all of them together.
    """
    opened = opened.of_buckets
    refuse_while_blocked(opened.tenant)
    target, staging = _written_folders(opened.tenant, opened.checkout, wanted)
    block_bytes = largest_block_bytes(*(each for each in (target, staging) if each is not None))
    planned = []
    for machine in with_repository(opened.tenant.machines):
        on_progress(f"{machine}: counting the data to return")
        planned.append(_plan_machine(Job(opened, machine, wanted, Path(), AT_THE_END, on_progress), block_bytes))
    needs = [Need(each.files, each.bytes, each.needed_bytes) for each in planned]
    if target is not None:
        refuse_without_room(sum(needs, Need()), target)
    if staging is not None and needs:
        refuse_without_room(max(needs, key=lambda need: need.on_disk_bytes), staging)  # holds one at a time
    return planned


def _written_folders(tenant: Tenant, checkout: Checkout, wanted: Return) -> tuple[Path | None, Path | None]:
    """Return the folders that need room: the target when it is a disk, and the local one when the bag is copied."""
    staging = staging_root(checkout.root, tenant.slug)
    if isinstance(wanted.to, S3Target):
        return None, staging
    target = _target_folder(tenant, "", wanted.to)
    return target, staging if wanted.format is ReturnFormat.FILES and is_windows_disk(target) else None


def _plan_machine(job: Job, block_bytes: int) -> PlannedReturn:
    if job.wanted.format is ReturnFormat.REPOSITORY:
        objects = list_repository(job)
        need = need_of_objects(objects, len(formats_of(job).list_programs()), block_bytes)
        prefix = formats_of(job).layout.prefix_of(Part.SNAPSHOTS)
        snapshots = sum(each.key.startswith(prefix) for each in objects)
        return PlannedReturn(job.machine, snapshots, need.files, need.bytes, need.on_disk_bytes)
    repository = open_repository(job.opened, job.machine, RoutineUse(RoutineTask.MEASURE_RETURN))
    chosen = choose({each.id: each for each in repository.snapshots()}, job.wanted.snapshots)
    need = sum((need_of(repository.ls(each), block_bytes) for each in chosen), Need())
    return PlannedReturn(job.machine, len(chosen), need.files, need.bytes, need.on_disk_bytes)


def _read_back_folder(job: Job, summary: Mapping[str, Any]) -> Returned:
    """Compare a complete bag of an earlier call with its manifests, reading from the disk."""
    _refuse_other(job, summary, str(job.bag))
    job.on_progress(f"{job.machine}: the return is complete already; reading it back")
    began = time.perf_counter()
    forget_cached(job.bag)
    _refuse_changed(job, str(job.bag), [*find_changed(job.bag, TAG_MANIFEST), *find_changed(job.bag)])
    finish(job.bag)
    return _returned(job, _written(summary, time.perf_counter() - began), str(job.bag))


def _read_back_bucket(job: Job, target: CarriedTarget, summary: Mapping[str, Any]) -> Returned:
    _refuse_other(job, summary, target.shown)
    job.on_progress(f"{job.machine}: the return is complete already; reading it back")
    began = time.perf_counter()
    with target.fetched_tags() as tags:
        _refuse_changed(job, target.shown, target.find_changed(job, tags, summary["octets"]))
    return _returned(job, _written(summary, time.perf_counter() - began), target.shown)


def _refuse_other(job: Job, summary: Mapping[str, Any], where: str) -> None:
    if (summary.get("objet"), summary.get("format")) != (job.name, job.wanted.format.value):
        raise RefusedError(f"{where} contains the complete return of {summary.get('objet')}", "Name another target.")


def _refuse_changed(job: Job, where: str, changed: Sequence[str]) -> None:
    if changed:
        raise ExpectedError(
            f"{job.machine}: {len(changed)} files in {where} are missing, unexpected or different",
            "Move the existing files away and run the same command again: it writes everything again.",
        )


def _written(summary: Mapping[str, Any], read_back_seconds: float) -> Written:
    """Read the summary of a complete bag; ExpectedError when it is not one of ours."""
    try:
        return _read_written(summary, read_back_seconds)
    except (KeyError, TypeError, ValueError) as error:
        raise RefusedError(
            f"the {SUMMARY} at the target was not written by a return of Coffre", "Name another target."
        ) from error


def _read_written(summary: Mapping[str, Any], read_back_seconds: float) -> Written:
    return Written(
        payload=Payload(summary["fichiers"], summary["octets"], summary["manifeste_sha256"]),
        snapshots=tuple(summary["instantanes"]),
        renamed=summary["noms_remplaces"],
        written_at=summary["ecrit_le"],
        write_seconds=summary["duree_ecriture_secondes"],
        read_back_seconds=read_back_seconds,
        set_aside=tuple(summary.get("mis_a_part", ())),
        flaws=Flaws(
            summary.get("cles_etrangeres", 0),
            summary.get("objets_abimes", 0),
            summary.get("depot_entier", True),
            summary.get("hors_place", 0),
            summary.get("non_remis", 0),
        ),
    )


def _returned(job: Job, written: Written, target: str) -> Returned:
    return Returned(
        machine=job.machine,
        format=job.wanted.format.value,
        snapshots=written.snapshots,
        target=target,
        files=written.payload.files,
        bytes=written.payload.bytes,
        manifest_sha256=written.payload.manifest_sha256,
        renamed=written.renamed,
        written_at=datetime.fromisoformat(written.written_at),
        verified_at=utc_now(),
        write_seconds=written.write_seconds,
        read_back_seconds=written.read_back_seconds,
        password_handed_out=job.wanted.format is ReturnFormat.REPOSITORY,
        set_aside=written.set_aside,
        flaws=written.flaws,
    )


def _target_folder(tenant: Tenant, machine: str, target: DirectoryTarget) -> Path:
    """Return the place of a machine's bag at a target on a disk; RefusedError when the target is missing."""
    refuse_absent(Path(target.path))
    folder = Path(target.path) / tenant.slug / machine
    for each in (folder.parent, folder, folder / DATA):
        if each.is_symlink():
            raise RefusedError(
                f"{each} is a link, and a return never writes links",
                "The disk contains something else: name another target. Nothing was written.",
            )
    return folder
