"""A machine's data handed back (contract, article 14; GDPR, article 28(3)(g)): planned, written, read back."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from coffre.errors import ExpectedError, RefusedError
from coffre.offboarding.evidence import Returned
from coffre.offboarding.returning.bag import Payload, find_changed
from coffre.offboarding.returning.files import choose, write_files
from coffre.offboarding.returning.job import Job, OnProgress, Written
from coffre.offboarding.returning.layout import TAG_MANIFEST
from coffre.offboarding.returning.progress import finish, read_summary
from coffre.offboarding.returning.repository import list_repository, need_of_objects, write_repository
from coffre.offboarding.returning.room import Need, need_of, refuse_without_room
from coffre.offboarding.returning.settling import forget_cached
from coffre.offboarding.returning.tags import describe
from coffre.operations.blocked import refuse_while_blocked
from coffre.operations.repositories import open_repository
from coffre.operations.service import Service
from coffre.records.events import utc_now
from coffre.spec import naming
from coffre.spec.leaving import DirectoryTarget, Return, ReturnFormat

WRITERS = {ReturnFormat.FILES: write_files, ReturnFormat.REPOSITORY: write_repository}
REASON = "return of the data at the end of the contract"


@dataclass(frozen=True)
class PlannedReturn:
    """What one machine's return takes: files, their bytes, and the most that they take on the target's disk."""

    machine: str
    snapshots: int
    files: int
    bytes: int
    needed_bytes: int


def return_machine(service: Service, machine: str, wanted: Return, on_progress: OnProgress) -> Returned:
    """Hand one machine's data back and read it back from the target. May run twice, also after a kill.

    A return that was cut short goes on; one that is complete is read back again. RefusedError before anything is
    written when there is no room, or the target holds something else.
    """
    refuse_while_blocked(service.tenant)
    service.machine(machine)
    reason = f"{REASON}, as {wanted.format.value} to {wanted.to.via}"
    return hand_over(Job(service, machine, wanted, _folder(service, machine, wanted), reason, on_progress))


def hand_over(job: Job) -> Returned:
    """Write a job's bag and read it back, or read back what is there complete."""
    summary = read_summary(job.bag)
    if summary is not None:
        return _read_back_complete(job, summary)
    written = WRITERS[job.wanted.format](job)
    describe(job, written)
    finish(job.bag)
    return returned(job, written)


def plan_return(service: Service, wanted: Return, on_progress: OnProgress) -> list[PlannedReturn]:
    """Return what each machine's return takes, from the repositories themselves; nothing is written.

    RefusedError when the target has no room for all of them together.
    """
    refuse_while_blocked(service.tenant)
    planned = []
    for machine in service.tenant.machines:
        on_progress(f"{machine}: counting what comes back")
        planned.append(_plan_machine(Job(service, machine, wanted, Path(), REASON, on_progress)))
    need = Need(sum(each.files for each in planned), 0, sum(each.needed_bytes for each in planned))
    refuse_without_room(need, _target_folder(service, wanted))
    return planned


def _plan_machine(job: Job) -> PlannedReturn:
    if job.wanted.format is ReturnFormat.REPOSITORY:
        objects = list_repository(job)
        need = need_of_objects(objects)
        snapshots = sum(each.key.startswith(f"{naming.RESTIC_PREFIX}snapshots/") for each in objects)
        return PlannedReturn(job.machine, snapshots, need.files, need.bytes, need.on_disk_bytes)
    repository = open_repository(job.service, job.machine, f"size of the {REASON}")
    chosen = choose({each.id: each for each in repository.snapshots()}, job.wanted.snapshots)
    need = sum((need_of(repository.ls(each)) for each in chosen), Need())
    return PlannedReturn(job.machine, len(chosen), need.files, need.bytes, need.on_disk_bytes)


def returned(job: Job, written: Written) -> Returned:
    """Return a finished job as evidence."""
    return Returned(
        machine=job.machine,
        format=job.wanted.format.value,
        snapshots=written.snapshots,
        target=str(job.bag),
        files=written.payload.files,
        bytes=written.payload.bytes,
        manifest_sha256=written.payload.manifest_sha256,
        renamed=written.renamed,
        written_at=datetime.fromisoformat(written.written_at),
        verified_at=utc_now(),
        write_seconds=written.write_seconds,
        read_back_seconds=written.read_back_seconds,
        password_handed_out=job.wanted.format is ReturnFormat.REPOSITORY,
    )


def _read_back_complete(job: Job, summary: Mapping[str, Any]) -> Returned:
    """Hold a bag that an earlier call completed against its manifests, read from the disk."""
    name = f"{summary.get('client')}/{summary.get('machine')}"
    if (name, summary.get("format")) != (job.name, job.wanted.format.value):
        raise RefusedError(f"{job.bag} holds the complete return of {name}", "Name another target.")
    job.on_progress(f"{job.machine}: the return is complete already; reading it back")
    began = time.perf_counter()
    forget_cached(job.bag)
    changed = [*find_changed(job.bag, TAG_MANIFEST), *find_changed(job.bag)]
    if changed:
        raise ExpectedError(
            f"{job.machine}: {len(changed)} files in {job.bag} are gone or changed since they were written there",
            "Move that folder away and run the same command again: it writes them anew.",
        )
    finish(job.bag)
    payload = Payload(summary["fichiers"], summary["octets"], summary["manifeste_sha256"])
    written = Written(
        payload=payload,
        snapshots=tuple(summary["instantanes"]),
        renamed=summary["noms_remplaces"],
        written_at=summary["ecrit_le"],
        write_seconds=summary["duree_ecriture_secondes"],
        read_back_seconds=time.perf_counter() - began,
    )
    return returned(job, written)


def _folder(service: Service, machine: str, wanted: Return) -> Path:
    return _target_folder(service, wanted) / machine


def _target_folder(service: Service, wanted: Return) -> Path:
    assert isinstance(wanted.to, DirectoryTarget)  # noqa: S101
    return Path(wanted.to.path) / service.tenant.slug
