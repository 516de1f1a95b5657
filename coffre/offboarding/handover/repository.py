"""A machine's restic repository handed back as it is, with its password, restic itself, and a guide."""

import hashlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import SecretStr

from coffre import toolchain
from coffre.agents.kinds import repositories_of
from coffre.agents.repository import RepositoryError, RepositoryFormat
from coffre.errors import ExpectedError
from coffre.offboarding.handover.bag.bag import HashedFile, hash_files, sync, write_manifest
from coffre.offboarding.handover.bag.layout import DAMAGED, DATA, PASSWORD, PROGRAMS, REPOSITORY
from coffre.offboarding.handover.foreign import Foreign, describe_foreign, list_foreign, split_bucket
from coffre.offboarding.handover.job import Job, Written, tell_parts
from coffre.offboarding.handover.progress import Progress, begin, read_progress, save_progress
from coffre.offboarding.handover.settling import forget_cached
from coffre.offboarding.handover.targets.rclone import Rclone, RcloneError, Remote
from coffre.offboarding.handover.targets.room import (
    BLOCK_BYTES,
    Need,
    largest_block_bytes,
    present_bytes,
    refuse_without_room,
)
from coffre.offboarding.lifecycle.evidence import Flaws
from coffre.outside.beneath import Beneath
from coffre.outside.environment import temporary_folder
from coffre.spec import naming
from coffre.storage.driver import ObjectFacts, Unusable
from coffre.tenant.estate.passwords import use_password
from coffre.workspace.clock import utc_now

_HEX = "[0-9a-f]"
PARTS = (
    ("config", f"keys/{_HEX * 64}", f"snapshots/{_HEX * 64}"),
    (f"index/{_HEX * 64}",),
    (f"data/{_HEX * 2}/{_HEX * 64}",),
)
"""What is copied, by rclone's patterns, and in which order.

What a snapshot needs was there before it, so that a machine may write meanwhile.
"""

TRANSFERS = 8
_SMALL_PROGRAM_BYTES = 64 << 20
CONFIG_LIMIT_BYTES = 1024**2
"""restic's own has 155 bytes."""


def write_repository(job: Job) -> Written:
    """Write a machine's repository into its bag, going on where an earlier call was cut short.

    Every object but `config` is named by its SHA-256: that is compared with what the disk gives back, `config` with the
    bucket's, and restic checks that the copy is whole.
    """
    formats = formats_of(job)
    objects, foreign = _split(job)
    if foreign.count:
        job.on_progress(f"{job.machine}: {describe_foreign(foreign)}")
    need = need_of_objects(objects, len(formats.list_programs()), largest_block_bytes(job.bag))
    refuse_without_room(need, job.bag, present_bytes(job.bag) if read_progress(job.bag) is not None else 0)
    progress = begin(job.bag, Progress(job.name, job.wanted.format.value, ()))
    password = use_password(job.service.secrets, job.service.log, job.machine, f"{job.reason}: handed over with it")
    (job.bag / DATA).mkdir(exist_ok=True)
    list_foreign(job.bag, foreign)
    shutil.rmtree(job.bag / DAMAGED, ignore_errors=True)
    began = time.perf_counter()
    _copy(job, sum(each.size_bytes for each in objects))
    progress = replace(
        progress, write_seconds=progress.write_seconds + time.perf_counter() - began, written_at=utc_now().isoformat()
    )
    save_progress(job.bag, progress)
    began = time.perf_counter()
    hashed = _read_back(job)
    _refuse_missing(job, objects, hashed)
    _add_programs(job.bag, formats)
    _write_password(job.bag / PASSWORD, password)
    is_whole = _check(job, formats, password)
    payload = write_manifest(job.bag, hashed + list(hash_files(job.bag, _list_files(job.bag, PROGRAMS))))
    return Written(
        payload=payload,
        snapshots=tuple(sorted(each.name for each in (job.bag / REPOSITORY / "snapshots").glob("*"))),
        renamed=0,
        written_at=progress.written_at,
        write_seconds=progress.write_seconds,
        read_back_seconds=time.perf_counter() - began,
        flaws=Flaws(foreign.count, sum(each.path.startswith(f"{DAMAGED}/") for each in hashed), is_whole),
    )


def list_repository(job: Job) -> list[ObjectFacts]:
    """Return the objects that are handed back: all that restic wrote but its locks."""
    return _split(job)[0]


def formats_of(job: Job) -> RepositoryFormat:
    """Return how the machine's repository is opened."""
    return repositories_of(job.machine, job.service.machine(job.machine))


def _split(job: Job) -> tuple[list[ObjectFacts], Foreign]:
    return split_bucket(job.service.buckets.open(job.machine).list_objects(""))


def need_of_objects(objects: list[ObjectFacts], program_count: int, block_bytes: int = BLOCK_BYTES) -> Need:
    """Return what a repository takes on a disk of such blocks, with so many programs that read it. Pure."""
    total_bytes = sum(each.size_bytes for each in objects)
    on_disk_bytes = sum(-(-each.size_bytes // block_bytes) * block_bytes for each in objects)
    return Need(len(objects), total_bytes, on_disk_bytes + program_count * _SMALL_PROGRAM_BYTES)


def _source(job: Job) -> tuple[Remote, Rclone]:
    endpoint = job.service.storage.endpoint
    remote = Remote("storage", endpoint.url, endpoint.region, job.service.buckets.owner_key())
    return remote, Rclone([remote], endpoint.ca_file)


def _copy(job: Job, total_bytes: int) -> None:
    remote, rclone = _source(job)
    source = remote.path(job.service.buckets.name(job.machine), naming.RESTIC_PREFIX.rstrip("/"))
    tell = tell_parts(job, total_bytes, "copied")
    for part in PARTS:
        included = [f"--include=/{pattern}" for pattern in part]
        try:
            rclone.copy(source, str(job.bag / REPOSITORY), f"--transfers={TRANSFERS}", *included, on_bytes=tell)
        except RcloneError as problem:
            raise ExpectedError(f"{job.machine}: {problem.message}", problem.hint) from problem


def _read_back(job: Job) -> list[HashedFile]:
    """Hash the copy as the disk gives it back, and hold each object against its name; a bad one is copied again.

    What the bucket itself holds under a name that is not its own, be it a machine's doing, would be bad each time: it
    is put beside the repository.
    """
    job.on_progress(f"{job.machine}: reading back what was written")
    sync(job.bag)
    forget_cached(job.bag)
    hashed = list(hash_files(job.bag, _list_files(job.bag, REPOSITORY)))
    config = job.service.buckets.open(job.machine).find(f"{naming.RESTIC_PREFIX}config", CONFIG_LIMIT_BYTES)
    bad = [each for each in hashed if not _is_as_named(each, config)]
    if not bad:
        return hashed
    damaged = _find_damaged(job, bad)
    spoilt = [each.path for each in bad if each.path not in damaged]
    for path in spoilt:
        (job.bag / path).unlink()
    if spoilt:
        raise ExpectedError(
            f"{job.machine}: {len(spoilt)} objects that were read back from {job.bag} are not what was backed up",
            "Is the disk good? Run the same command again: it copies them anew.",
        )
    return [_beside(job.bag, each) if each.path in damaged else each for each in hashed]


def _find_damaged(job: Job, bad: Sequence[HashedFile]) -> set[str]:
    """Return the paths of those that are what the bucket holds, which is read once more for it."""
    remote, rclone = _source(job)
    path = remote.path(job.service.buckets.name(job.machine), naming.RESTIC_PREFIX.rstrip("/"))
    named = {each.path.removeprefix(f"{REPOSITORY}/"): each for each in bad if Path(each.path).name != "config"}
    with tempfile.NamedTemporaryFile("w", encoding="ascii", dir=temporary_folder()) as wanted:
        wanted.write("".join(f"{name}\n" for name in named))
        wanted.flush()
        held = dict(rclone.hash_objects(path, f"--files-from-raw={wanted.name}")) if named else {}
    return {each.path for name, each in named.items() if held.get(name) == each.sha256}


def _beside(bag: Path, file: HashedFile) -> HashedFile:
    """Put a damaged object where restic does not meet it; its snapshot, if it is one, is none any more."""
    path = f"{DAMAGED}/{file.path.removeprefix(f'{REPOSITORY}/')}"
    (bag / path).parent.mkdir(parents=True, exist_ok=True)
    (bag / file.path).rename(bag / path)
    return replace(file, path=path)


def _refuse_missing(job: Job, objects: list[ObjectFacts], hashed: list[HashedFile]) -> None:
    there = {each.path.removeprefix(f"{DAMAGED}/").removeprefix(f"{REPOSITORY}/") for each in hashed}
    missing = {each.key.removeprefix(naming.RESTIC_PREFIX) for each in objects} - there
    if missing:
        raise ExpectedError(
            f"{job.machine}: {len(missing)} objects of the repository are not in {job.bag}",
            "Run the same command again: it copies what is missing.",
        )


def _is_as_named(file: HashedFile, config: bytes | Unusable | None) -> bool:
    path = Path(file.path)
    if path.name == "config":
        return isinstance(config, bytes) and hashlib.sha256(config).hexdigest() == file.sha256
    return path.name == file.sha256


def _check(job: Job, formats: RepositoryFormat, password: SecretStr) -> bool:
    """Have restic look at the copy as its owner will, and tell whether it is whole; the hashes were compared before.

    A machine can write an index of packs that never were, or one that restic panics over, fills the memory with, or
    never ends to read: it stops no return by that. The bag says what restic found.
    """
    job.on_progress(f"{job.machine}: restic checks the copy")
    try:
        formats.open_copy(job.bag / REPOSITORY, password).check()
    except RepositoryError as problem:
        if not problem.found_errors and not problem.was_stopped:
            raise
        job.on_progress(f"{job.machine}: it is what the bucket holds, and not whole: {problem.message}")
        return False
    return True


def _add_programs(bag: Path, formats: RepositoryFormat) -> None:
    for build, program in formats.list_programs().items():
        target = bag / PROGRAMS / build / ("restic.exe" if program.suffix == ".exe" else "restic")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(program, target)
        target.chmod(0o755)
        if toolchain.sha256_file(target) != toolchain.sha256_program(program):
            raise ExpectedError(f"restic for {build} was not written as it is", "Is the disk good? Try again.")


def _write_password(path: Path, password: SecretStr) -> None:
    path.touch(mode=0o600)
    path.write_text(f"{password.get_secret_value()}\n", encoding="utf-8")


def _list_files(bag: Path, folder: str) -> Iterator[str]:
    with Beneath(bag) as below:
        files = [path for path, facts in below.walk(folder.encode()) if stat.S_ISREG(facts.st_mode)]
    yield from (os.fsdecode(path) for path in sorted(files))
