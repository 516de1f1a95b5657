"""Restores by SMILÉO, to a local directory or to a machine of the tenant; each use of a password is recorded."""

import os
import posixpath
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from coffre.agents.kinds import repositories_of
from coffre.agents.repository import (
    HostileSnapshotError,
    IncompleteRestoreError,
    Part,
    RemoteRestore,
    Repository,
    RestoreSummary,
    Snapshot,
    SnapshotList,
    Watcher,
)
from coffre.errors import RefusedError, UsageError
from coffre.observation.judge import identity
from coffre.observation.sighting import look_at_reports
from coffre.operations.repository import open_repository, storage_of
from coffre.operations.restore.apart import Apart, hand_apart
from coffre.outside.files import read_plain
from coffre.records.facts.backups import Reading
from coffre.records.facts.backups import Restored as RestoredFact
from coffre.records.facts.password_uses import RemoteRestoreUse, RestoreUse
from coffre.records.memory import Memory
from coffre.secrets import rotations
from coffre.spec.tenant import OperatingSystem, Tenant, TenantStatus
from coffre.storage.values import AccessKey
from coffre.tenant.access import refuse_while_blocked
from coffre.tenant.estate.keys import access_key
from coffre.tenant.estate.passwords import use_password
from coffre.tenant.estate.secrets import TenantSecrets
from coffre.tenant.lookup import find_machine
from coffre.tenant.machines import open_machine
from coffre.tenant.opening import OpenTenant
from coffre.tenant.presence import refuse_unapplied

MARKER = ".coffre-restore-unfinished"
"""In a directory of an unfinished restore: contains the snapshot and the path, so that only the same one continues."""

LONGEST_MARK_BYTES = 64 * 1024

DEFAULT_FOLDER = "/var/lib/coffre-restore"
"""The default folder for restores on a machine, with one folder per snapshot."""


@dataclass(frozen=True)
class RestoreSource:
    """What to restore: a machine's snapshot (the start of an id, or "latest"), or one absolute path of it."""

    machine: str
    snapshot: str
    path: str | None


@dataclass(frozen=True)
class Restored:
    """What was restored; ``to`` is the place in words for an operator; ``apart`` is what that place refused.

    ``is_others``: another machine took it under this one's name. ``left_out`` is a newer snapshot of another machine.
    """

    machine: str
    snapshot: Snapshot
    to: str
    summary: RestoreSummary
    is_others: bool = False
    left_out: Snapshot | None = None
    apart: Apart | None = None


@dataclass(frozen=True)
class ChosenSnapshot:
    """The chosen snapshot; whether it is another machine's, and the newer one left out as another machine's."""

    snapshot: Snapshot
    is_others: bool = False
    left_out: Snapshot | None = None


@dataclass(frozen=True)
class MachineDestination:
    """A machine of the tenant; ``folder`` on it, None for the default one. ``in_place``: overwrites existing files."""

    machine: str
    folder: str | None = None
    in_place: bool = False


def read_destination(
    text: str, machines: Collection[str], *, folder: str | None, in_place: bool, is_there: Callable[[str], bool]
) -> Path | MachineDestination:
    """Distinguish a local directory (a `/` or a `.` in it) from a machine (its bare name); UsageError when ambiguous.

    ``is_there`` says whether a path exists here. Pure.
    """
    about_machines = " and ".join(flag for flag, given in (("--into", folder), ("--in-place", in_place)) if given)
    if folder is not None and in_place:
        raise UsageError("--into and --in-place are both given", "Leave out one of the two.")
    if folder is not None and (not folder.startswith("/") or not folder.strip("/.")):
        raise UsageError(f"--into {folder} is not a folder", "Write an absolute path below /, like /srv/retour.")
    if "/" in text or "." in text:
        if about_machines:
            raise UsageError(
                f"{about_machines} is only for a restore to a machine, but {text} is a directory here",
                "Leave it out, or name a machine with --to.",
            )
        return Path(text)
    if text not in machines:
        raise UsageError(
            f"--to {text} is neither a directory nor a machine of this tenant",
            f"Write ./{text} for a directory here. Machines: {', '.join(machines)}.",
        )
    if not about_machines and is_there(text):
        raise UsageError(
            f"--to {text} is the name of both a machine and a directory here",
            f"Write ./{text} for the directory, or add --into {DEFAULT_FOLDER}/… for the machine.",
        )
    return MachineDestination(text, folder, in_place)


def restore_to_directory(opened: OpenTenant, wanted: RestoreSource, target: Path, watcher: Watcher) -> Restored:
    """Restore into a local directory that is new or empty, or in which the same restore was interrupted.

    ``opened`` may be the tenant on the platform of its second copy: then the restore is from there.

    Nothing is ever overwritten: a directory with other content is refused.
    """
    opened = opened.of_buckets
    refuse_while_blocked(opened.tenant)
    opened.machine(wanted.machine)
    refuse_unapplied(opened.tenant, opened.buckets, opened.log, [wanted.machine])
    path = normalise_path(wanted.path)
    unfinished = _read_marker(target)
    if target.exists() and unfinished is None and (not target.is_dir() or any(target.iterdir())):
        raise RefusedError(f"{target} is not an empty directory", "Name a new directory: a restore never overwrites.")
    repository = open_repository(opened, wanted.machine, RestoreUse(wanted.snapshot, str(target)))
    began = time.monotonic()
    choice = _choose(opened, repository, wanted, path)
    chosen = choice.snapshot
    mark = f"{chosen.id} {path or '/'}"
    if unfinished not in (None, mark):
        raise _other_unfinished(str(target), unfinished)
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    marker = target / MARKER
    marker.write_text(mark + "\n", encoding="utf-8", errors="surrogateescape")
    includes = [path] if path else []
    apart, seconds = None, 0.0
    try:
        summary = repository.restore(chosen.id, target, includes=includes, on_progress=watcher.on_progress)
        seconds = time.monotonic() - began
    except IncompleteRestoreError as problem:
        summary = problem.summary
        watcher.on_step(
            f"{target} does not accept every file in its place ({problem.failed} errors): "
            "writing the other files into a separate folder"
        )
        apart = hand_apart(repository, chosen.id, path, target)
    # A part that was there before, or files that went another way, say nothing about the line.
    is_whole = unfinished is None and apart is None
    _record(opened, wanted.machine, chosen, summary, seconds if is_whole else None)
    with suppress(IsADirectoryError):  # the restored files may have a folder of that name
        marker.unlink(missing_ok=True)
    return Restored(wanted.machine, chosen, str(target), summary, choice.is_others, choice.left_out, apart)


def restore_to_machine(
    opened: OpenTenant, wanted: RestoreSource, destination: MachineDestination, watcher: Watcher
) -> Restored:
    """Restore to a machine of the tenant, with the key and the password of the machine that the backup comes from.

    The owner's key never leaves this computer. The target needs no agent: the program that reads the repository is sent
    when it is missing.
    """
    refuse_while_blocked(opened.tenant)
    refuse_target(opened.tenant, destination.machine)
    opened = opened.of_buckets
    opened.machine(wanted.machine)
    refuse_unapplied(opened.tenant, opened.buckets, opened.log, [wanted.machine])
    key = _machine_key(opened.tenant, opened.secrets, wanted.machine)
    path, formats = normalise_path(wanted.path), repositories_of(wanted.machine, opened.machine(wanted.machine))
    with open_machine(opened.checkout, opened.tenant, destination.machine) as ssh:
        watcher.on_step(f"looking at {destination.machine}")
        formats.look_at(ssh)
        if destination.in_place:
            formats.refuse_ours(path, destination.machine)
        # With a refused key, the program on the machine would retry for 15 minutes.
        bucket = opened.storage.open_bucket(opened.buckets.name(wanted.machine), key)
        bucket.exists(formats.layout.prefix_of(Part.CONFIG))
        into = None if destination.in_place else destination.folder or DEFAULT_FOLDER
        reason = RemoteRestoreUse(wanted.snapshot, destination.machine, into)
        choice = _choose(opened, open_repository(opened, wanted.machine, reason), wanted, path)
        chosen = choice.snapshot
        folder = choose_folder(destination, wanted.machine, chosen)
        watcher.on_step(f"restoring snapshot {chosen.id[:8]} onto {destination.machine}, {folder or 'in place'}")
        handed_over = replace(reason, is_handed_over=True)
        password = use_password(opened.secrets, opened.log, wanted.machine, handed_over)
        storage = storage_of(opened.storage.endpoint, opened.buckets.name(wanted.machine), key, password)
        summary = formats.restore_on(ssh, RemoteRestore(storage, chosen.id, folder, path), watcher)
    # In place, what is there already is compared on the disk, and not read.
    seconds = None if destination.in_place else summary.seconds
    _record(opened, wanted.machine, chosen, summary, seconds, destination.machine)
    where = f"{destination.machine}, {folder or 'in place'}"
    return Restored(wanted.machine, chosen, where, summary, choice.is_others, choice.left_out)


def _record(
    opened: OpenTenant,
    machine: str,
    snapshot: Snapshot,
    summary: RestoreSummary,
    seconds: float | None,
    onto: str | None = None,
) -> None:
    """Record that a snapshot was restored, and how long that took unless ``seconds`` is None."""
    reading = None
    if seconds is not None:
        platform = opened.tenant.storage.platform
        reading = Reading(round(seconds, 3), summary.restored_bytes, summary.files, platform, onto)
    opened.log.append(RestoredFact(snapshot.id, reading), machine)


def choose_folder(destination: MachineDestination, source: str, snapshot: Snapshot) -> str | None:
    """Return the folder on the target machine, None for in place. Pure."""
    if destination.in_place:
        return None
    return destination.folder or f"{DEFAULT_FOLDER}/{source}-{snapshot.id[:8]}"


def refuse_target(tenant: Tenant, name: str) -> None:
    """Refuse a machine that cannot be the target of a restore. Pure."""
    machine = tenant.machines[name]
    if tenant.status is TenantStatus.SUSPENDED:
        raise RefusedError(
            f"{tenant.slug} is suspended: its machines may not read their backups",
            "Restore to a directory here, or set `status: active` and run `coffre apply` first.",
        )
    if machine.is_retired:
        raise RefusedError(f"{name} is retired", "Name a machine that is in service, or restore to a directory here.")
    if machine.os is not OperatingSystem.LINUX:
        raise RefusedError(
            f"{name} runs {machine.os.value}: Coffre restores onto Linux machines only",
            "Restore to a directory here and copy the files to the machine.",
        )


def normalise_path(path: str | None) -> str | None:
    """Return a path of a snapshot in one form, None for everything; UsageError for a relative one. Pure."""
    if path is None:
        return None
    if not path.startswith("/"):
        raise UsageError(
            f"--path {path} is not an absolute path", "Write it like /home/claire, on Windows like /C/Users/Claire."
        )
    normal = posixpath.normpath(path).replace("//", "/", 1)
    return None if normal == "/" else normal


def choose_snapshot(listed: SnapshotList, wanted: str, machine: str, others: Collection[str] = ()) -> Snapshot:
    """Return the wanted snapshot: the newest for "latest", else the one whose id starts with the text. Pure.

    ``others`` are the ids of those that another machine took under this one's name: none of them is the latest.
    HostileSnapshotError for one that no honest agent writes: it is never the latest, and refused on request.
    """
    snapshots = listed.usable
    odd = [each for each in listed.odd if each.id.startswith(wanted)]
    if listed.odd and not snapshots and wanted == "latest":
        odd = list(listed.odd[:1])
    if len(odd) == 1 and not any(each.id.startswith(wanted) for each in snapshots):
        raise HostileSnapshotError(odd[0].id, f"its {odd[0].field} is invalid")
    if not snapshots:
        raise UsageError(f"{machine} has no snapshot yet", "Run `coffre backup` first.")
    by_age = sorted(snapshots, key=lambda snapshot: snapshot.taken_at)
    if wanted == "latest":
        own = [snapshot for snapshot in by_age if snapshot.id not in others]
        if not own:
            raise RefusedError(
                f"every snapshot of {machine} was taken by another machine under its name",
                "Name one with --snapshot, or accept that machine: `coffre apply --replace-machine`.",
            )
        return own[-1]
    found = [snapshot for snapshot in by_age if snapshot.id.startswith(wanted)]
    if len(found) == 1:
        return found[0]
    last = ", ".join(f"{snapshot.id[:8]} ({snapshot.taken_at:%Y-%m-%d %H:%M} UTC)" for snapshot in by_age[-10:])
    problem = "no snapshot" if not found else f"{len(found)} snapshots"
    raise UsageError(f"{machine} has {problem} whose id begins with {wanted!r}", f"The last ones are {last}.")


def _choose(opened: OpenTenant, repository: Repository, wanted: RestoreSource, path: str | None) -> ChosenSnapshot:
    """Return the wanted snapshot after reading its complete list: the list is intact, and the path is in it."""
    learned, listed = _learn(opened, wanted.machine), repository.list_snapshots()
    others = {each.id for each in listed.usable if identity.is_others_snapshot(learned, each.id, each.tags)}
    chosen = choose_snapshot(listed, wanted.snapshot, wanted.machine, others)
    if path is None:
        repository.check_snapshot(chosen.id)
    elif not repository.has_path(chosen.id, path):
        link = repository.find_link(chosen.id, path)
        hint = "Write the path as it is on the machine."
        if link is not None:
            hint = f"{link} is a link: write the path it points to; `coffre status --json` shows where it is stored."
        raise UsageError(f"snapshot {chosen.id[:8]} of {wanted.machine} has no {path}", hint)
    newer = [each for each in listed.usable if each.id in others and each.taken_at > chosen.taken_at]
    left_out = max(newer, key=lambda each: each.taken_at, default=None) if wanted.snapshot == "latest" else None
    return ChosenSnapshot(chosen, chosen.id in others, left_out)


def _learn(opened: OpenTenant, machine: str) -> Memory:
    """Return what is known of a machine, with its newest reports; a copy is behind, and teaches nothing."""
    if opened.tenant.is_copy:
        return opened.memory.recall(machine)
    return look_at_reports(opened.buckets, opened.secrets, opened.memory, machine)


def _machine_key(tenant: Tenant, secrets: TenantSecrets, machine: str) -> AccessKey:
    find_machine(tenant, machine)
    control = secrets.control()
    if machine not in control.machine_keys or tenant.machines[machine].is_retired:
        raise RefusedError(
            f"{machine} has no key of its own, and no other key may leave this computer",
            "Restore to a directory here and copy the files to the machine.",
        )
    key = rotations.trusted_key(control, rotations.machine_key(machine))
    return access_key(key)


def _read_marker(target: Path) -> str | None:
    """Return what an interrupted restore has left in a directory, None when it has left nothing."""
    try:
        return os.fsdecode(read_plain(target / MARKER, LONGEST_MARK_BYTES)).rstrip("\n")
    except OSError:  # it does not exist, or no restore of ours has written it
        return None


def _other_unfinished(where: str, mark: str) -> RefusedError:
    snapshot, _, path = mark.partition(" ")
    chosen = f"--snapshot {snapshot[:8]}" + (f" --path {path}" if path != "/" else "")
    return RefusedError(
        f"{where} holds an unfinished restore of another snapshot or path",
        f"Finish it with {chosen}, or name a new directory.",
    )
