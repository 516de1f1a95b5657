"""Returns a machine's restic repository unchanged, with its password, restic itself, and a guide."""

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
from coffre.agents.repository import Part, RepositoryError, RepositoryFormat, RepositoryLayout
from coffre.errors import ExpectedError
from coffre.offboarding.handover.bag.bag import HashedFile, hash_files, sync, write_manifest
from coffre.offboarding.handover.bag.layout import DAMAGED, DATA, PASSWORD, PROGRAMS, REPOSITORY
from coffre.offboarding.handover.foreign import Foreign, describe_foreign, list_foreign, split_bucket
from coffre.offboarding.handover.job import Job, Written, tell_parts
from coffre.offboarding.handover.progress import ReturnProgress, begin, read_progress, save_progress
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
from coffre.storage.values import ObjectFacts, Unusable
from coffre.tenant.estate.passwords import use_password
from coffre.workspace.clock import utc_now

PARTS = (
    (Part.CONFIG, Part.KEYS, Part.SNAPSHOTS),
    (Part.INDEX,),
    (Part.DATA,),
)
"""The copied parts, in order.

The objects of a snapshot exist before it, so a machine may write meanwhile.
"""

TRANSFERS = 8
_SMALL_PROGRAM_BYTES = 64 << 20
CONFIG_LIMIT_BYTES = 1024**2
"""restic's own has 155 bytes."""


def write_repository(job: Job) -> Written:
    """Write a machine's repository into its bag, continuing an interrupted call.

    The name of every object except `config` is its SHA-256: it is compared with the content read from the disk,
    `config` with the bucket's, and restic checks that the copy is complete.
    """
    formats = formats_of(job)
    objects, foreign = _split(job)
    if foreign.count:
        job.on_progress(f"{job.machine}: {describe_foreign(foreign)}")
    need = need_of_objects(objects, len(formats.list_programs()), largest_block_bytes(job.bag))
    refuse_without_room(need, job.bag, present_bytes(job.bag) if read_progress(job.bag) is not None else 0)
    progress = begin(job.bag, ReturnProgress(job.name, job.wanted.format.value, ()))
    handed_over = replace(job.reason, is_handed_over=True)
    password = use_password(job.opened.secrets, job.opened.log, job.machine, handed_over)
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
        snapshots=tuple(sorted(each.name for each in _folder_of(job.bag, formats.layout, Part.SNAPSHOTS).glob("*"))),
        renamed=0,
        written_at=progress.written_at,
        write_seconds=progress.write_seconds,
        read_back_seconds=time.perf_counter() - began,
        flaws=Flaws(foreign.count, sum(each.path.startswith(f"{DAMAGED}/") for each in hashed), is_whole),
    )


def list_repository(job: Job) -> list[ObjectFacts]:
    """Return the objects to return: all of the repository without its locks."""
    return _split(job)[0]


def formats_of(job: Job) -> RepositoryFormat:
    """Return how the machine's repository is opened."""
    return repositories_of(job.machine, job.opened.machine(job.machine))


def _split(job: Job) -> tuple[list[ObjectFacts], Foreign]:
    return split_bucket(job.opened.buckets.open(job.machine).list_objects(""), formats_of(job).layout)


def _folder_of(bag: Path, layout: RepositoryLayout, part: Part) -> Path:
    """Return the place of a part in the copy."""
    return bag / REPOSITORY / layout.prefix_of(part).removeprefix(layout.prefix)


def need_of_objects(objects: list[ObjectFacts], program_count: int, block_bytes: int = BLOCK_BYTES) -> Need:
    """Return the size of a repository on a disk with such blocks, including so many programs that read it. Pure."""
    total_bytes = sum(each.size_bytes for each in objects)
    on_disk_bytes = sum(-(-each.size_bytes // block_bytes) * block_bytes for each in objects)
    return Need(len(objects), total_bytes, on_disk_bytes + program_count * _SMALL_PROGRAM_BYTES)


def _source(job: Job) -> tuple[Remote, Rclone]:
    endpoint = job.opened.storage.endpoint
    remote = Remote("storage", endpoint.url, endpoint.region, job.opened.buckets.owner_key())
    return remote, Rclone([remote], endpoint.ca_file)


def _copy(job: Job, total_bytes: int) -> None:
    (remote, rclone), layout = _source(job), formats_of(job).layout
    source = remote.path(job.opened.buckets.name(job.machine), layout.prefix.rstrip("/"))
    tell = tell_parts(job, total_bytes, "copied")
    for parts in PARTS:
        included = [f"--include=/{layout.pattern_of(part)}" for part in parts]
        try:
            rclone.copy(source, str(job.bag / REPOSITORY), f"--transfers={TRANSFERS}", *included, on_bytes=tell)
        except RcloneError as problem:
            raise ExpectedError(f"{job.machine}: {problem.message}", problem.hint) from problem


def _read_back(job: Job) -> list[HashedFile]:
    """Hash the copy read from the disk, and compare each object with its name; a bad one is copied again.

    An object that is already bad in the bucket, for example through a machine, would be bad each time: it is moved
    is put beside the repository.
    """
    job.on_progress(f"{job.machine}: reading back the written files")
    sync(job.bag)
    forget_cached(job.bag)
    hashed = list(hash_files(job.bag, _list_files(job.bag, REPOSITORY)))
    layout = formats_of(job).layout
    config = job.opened.buckets.open(job.machine).find(layout.prefix_of(Part.CONFIG), CONFIG_LIMIT_BYTES)
    bad = [each for each in hashed if not _is_as_named(each, config)]
    if not bad:
        return hashed
    damaged = _find_damaged(job, bad)
    spoilt = [each.path for each in bad if each.path not in damaged]
    for path in spoilt:
        (job.bag / path).unlink()
    if spoilt:
        raise ExpectedError(
            f"{job.machine}: {len(spoilt)} objects read back from {job.bag} differ from the backup",
            "Check the disk, then run the same command again: it copies them again.",
        )
    return [_beside(job.bag, each) if each.path in damaged else each for each in hashed]


def _find_damaged(job: Job, bad: Sequence[HashedFile]) -> set[str]:
    """Return the paths of those that equal the bucket's objects, which are read again for this."""
    remote, rclone = _source(job)
    path = remote.path(job.opened.buckets.name(job.machine), formats_of(job).layout.prefix.rstrip("/"))
    named = {each.path.removeprefix(f"{REPOSITORY}/"): each for each in bad if Path(each.path).name != "config"}
    with tempfile.NamedTemporaryFile("w", encoding="ascii", dir=temporary_folder()) as wanted:
        wanted.write("".join(f"{name}\n" for name in named))
        wanted.flush()
        held = dict(rclone.hash_objects(path, f"--files-from-raw={wanted.name}")) if named else {}
    return {each.path for name, each in named.items() if held.get(name) == each.sha256}


def _beside(bag: Path, file: HashedFile) -> HashedFile:
    """Move a damaged object where restic does not see it; a damaged snapshot is no longer a snapshot."""
    path = f"{DAMAGED}/{file.path.removeprefix(f'{REPOSITORY}/')}"
    (bag / path).parent.mkdir(parents=True, exist_ok=True)
    (bag / file.path).rename(bag / path)
    return replace(file, path=path)


def _refuse_missing(job: Job, objects: list[ObjectFacts], hashed: list[HashedFile]) -> None:
    there = {each.path.removeprefix(f"{DAMAGED}/").removeprefix(f"{REPOSITORY}/") for each in hashed}
    prefix = formats_of(job).layout.prefix
    missing = {each.key.removeprefix(prefix) for each in objects} - there
    if missing:
        raise ExpectedError(
            f"{job.machine}: {len(missing)} objects of the repository are missing in {job.bag}",
            "Run the same command again: it copies the missing ones.",
        )


def _is_as_named(file: HashedFile, config: bytes | Unusable | None) -> bool:
    path = Path(file.path)
    if path.name == "config":
        return isinstance(config, bytes) and hashlib.sha256(config).hexdigest() == file.sha256
    return path.name == file.sha256


def _check(job: Job, formats: RepositoryFormat, password: SecretStr) -> bool:
    """Check the copy with restic like its future owner; the hashes were compared before.

    A machine can write an index of packs that never existed, or one on which restic panics, fills the memory or never
    ends: this does not stop the return. The bag contains restic's result.
    """
    job.on_progress(f"{job.machine}: restic checks the copy")
    try:
        formats.open_copy(job.bag / REPOSITORY, password).check()
    except RepositoryError as problem:
        if not problem.found_errors and not problem.was_stopped:
            raise
        job.on_progress(f"{job.machine}: the copy equals the bucket, but is incomplete: {problem.message}")
        return False
    return True


def _add_programs(bag: Path, formats: RepositoryFormat) -> None:
    for build, program in formats.list_programs().items():
        target = bag / PROGRAMS / build / program.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(program, target)
        target.chmod(0o755)
        if toolchain.sha256_file(target) != toolchain.sha256_program(program):
            raise ExpectedError(
                f"{program.name} for {build} was not written correctly", "Check the disk, then try again."
            )


def _write_password(path: Path, password: SecretStr) -> None:
    path.touch(mode=0o600)
    path.write_text(f"{password.get_secret_value()}\n", encoding="utf-8")


def _list_files(bag: Path, folder: str) -> Iterator[str]:
    with Beneath(bag) as below:
        files = [path for path, facts in below.walk(folder.encode()) if stat.S_ISREG(facts.st_mode)]
    yield from (os.fsdecode(path) for path in sorted(files))
