"""Runs a restore on a machine over SSH: sends missing programs, and the secrets only by standard input.

A restore into a folder uses the agent's own program, in a cage where the machine allows one.
"""

import base64
import contextlib
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from coffre import toolchain
from coffre.agents.authorities import read_authorities
from coffre.agents.reach.ssh import SSH_FAILED, SshMachine, Started
from coffre.agents.reach.ssh_errors import MachineUnreachableError
from coffre.agents.repository import BucketStorage, RemoteRestore, RestoreSummary, Watcher, password_of
from coffre.agents.restic.address import repository_url
from coffre.agents.restic.programs import AGENT, RESTIC
from coffre.agents.restic.repository.explain import explain_exit
from coffre.agents.restic.repository.output import (
    exact_pattern,
    read_fraction,
    read_line,
    read_restore_summary,
)
from coffre.agents.restic.repository.process import ResticError, redact
from coffre.errors import ExpectedError, RefusedError
from coffre.outside.text import one_line

INSTALLED = {AGENT: "/usr/local/lib/coffre/coffre-agent", RESTIC: "/usr/local/lib/coffre/restic"}
"""Where an agent's deployment puts its programs; each is used if it is identical to the one to send."""

OURS = ("/etc/coffre", "/usr/local/lib/coffre", "/usr/local/bin/sauvegarde-restaurer", "/var/lib/coffre")
"""The paths that are never restored in place: another machine's identity, or an older agent than the current one."""

LOOK_SECONDS = 30.0
SIGNALLED = 128
OUTPUT_BYTES = 4 * 1024**3
"""The maximum output of a restore's progress; none of it is kept."""
_LOOK = "echo system=$(uname -s); echo architecture=$(uname -m); " + "; ".join(
    f"echo {name}=$(sha256sum <{path} 2>/dev/null | cut -c 1-64)" for name, path in INSTALLED.items()
)
_SCRIPT = Path(__file__).with_suffix(".sh").read_text(encoding="utf-8")
_BLOCK_BYTES = 1024**2
_SHOWN, _LONGEST_REASON = 200, 1000
"""The maximum number of characters shown of a machine's description, and of a failure's reason."""


@dataclass(frozen=True)
class RestoreHost:
    """The state of a machine: its system, its architecture, and by name the SHA-256 of each program of ours on it."""

    system: str
    architecture: str
    sha256: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Program:
    """One program of the restore: its file here, and its SHA-256."""

    name: str
    path: Path
    sha256: str


def look_at(machine: SshMachine) -> RestoreHost:
    """Read a machine's system; raises the errors of `ssh_errors` when it cannot be reached."""
    done = machine.run(["sh", "-c", _LOOK], LOOK_SECONDS)
    return read_facts(done.stdout)


def read_facts(said: str) -> RestoreHost:
    """Read a machine's answer. Pure."""
    facts = {name: value for name, _, value in (line.partition("=") for line in said.splitlines())}
    sha256 = {name: facts[name] for name in INSTALLED if facts.get(name)}
    return RestoreHost(facts.get("system", ""), facts.get("architecture", ""), sha256)


def choose_sent(facts: RestoreHost, machine: str, programs: Sequence[Program]) -> list[Program]:
    """Return the programs to send; RefusedError for a machine on which ours do not run. Pure."""
    missing = [program for program in programs if facts.sha256.get(program.name) != program.sha256]
    here = (platform.system(), platform.machine())
    if missing and (facts.system, facts.architecture) != here:
        system, architecture = one_line(facts.system, _SHOWN), one_line(facts.architecture, _SHOWN)
        raise RefusedError(
            f"{machine} runs {system or 'an unknown system'} on {architecture or 'an unknown processor'}: "
            f"this computer has only the restic for {here[0]} on {here[1]}",
            "Restore to a directory here and copy it, or restore to a machine like this computer.",
        )
    return missing


def build_arguments(restore: RemoteRestore) -> list[str]:
    """Return restic's arguments; they contain no secret. Pure."""
    storage = restore.storage
    snapshot, excludes, path = restore.snapshot_id, [], restore.path
    target = restore.folder or "/"
    if restore.folder is None:
        # restic allows no exclusion beside an inclusion: a folder that contains our files is restored as the root.
        held = [ours for ours in OURS if path is None or ours.startswith(f"{path}/")]
        if held and path is not None:
            snapshot, target, path = f"{snapshot}:{path}", path, None
        root = "" if target == "/" else target
        excludes = [f"--exclude={exact_pattern(ours.removeprefix(root))}" for ours in held]
    return [
        "--json",
        f"--repo={repository_url(storage.endpoint_url, storage.bucket)}",
        f"--option=s3.region={storage.region}",
        "--option=s3.bucket-lookup=path",
        "--no-cache",
        "restore",
        "--no-lock",
        "--sparse",
        f"--target={target}",
        *excludes,
        *([f"--include={exact_pattern(path)}"] if path else []),
        "--",
        snapshot,
    ]


def refuse_ours(path: str | None, machine: str) -> None:
    """Refuse an in-place restore of the files of the machine's agent itself. Pure."""
    if path is not None and any(path == ours or path.startswith(f"{ours}/") for ours in OURS):
        raise RefusedError(
            f"{path} belongs to the agent of {machine} and is never restored in place",
            "`coffre apply` writes it. To look at it, restore it to a directory.",
        )


def restore_on(machine: SshMachine, restore: RemoteRestore, watcher: Watcher) -> RestoreSummary:
    """Restore on a machine and return the result. A second run after a kill continues.

    The machine gets the key and the password of ``restore.storage`` in the environment of one process; they are in no
    file and no argument there or here. When this process dies, the machine ends restic and cleans up.
    """
    names = (RESTIC,) if restore.folder is None else (RESTIC, AGENT)
    programs = [_find_program(name) for name in names]
    sent = choose_sent(look_at(machine), machine.name, programs)
    refuse_ours(restore.path if restore.folder is None else None, machine.name)
    with machine.started(["sh", "-c", _SCRIPT, "coffre-restore", *build_call(restore, programs, sent)]) as started:
        _send(started, restore.storage, sent, watcher)
        began = time.monotonic()
        summary = _follow(started, watcher)
        ended = started.end()
    seconds = time.monotonic() - began
    _raise_for(machine, restore, ended.exit_code, ended.stderr.splitlines())
    return summary if sent else replace(summary, seconds=seconds)


def build_call(restore: RemoteRestore, programs: Sequence[Program], sent: Sequence[Program]) -> list[str]:
    """Return the script's arguments; they contain no secret. Pure except for the sizes of the files to send."""
    mark = "" if restore.folder is None else f"{restore.snapshot_id} {restore.path or '/'}"
    call = [restore.folder or "/", mark]
    by_name = {program.name: program for program in programs}
    for name in (RESTIC, AGENT):
        program = by_name.get(name)
        size = program.path.stat().st_size if program is not None and program in sent else 0
        call += [INSTALLED[name], str(size), program.sha256 if program is not None else ""]
    return [*call, *build_arguments(restore)]


def _find_program(name: str) -> Program:
    path = toolchain.find_tool(name)
    return Program(name, path, toolchain.sha256_program(path))


def _send(started: Started, storage: BucketStorage, programs: Sequence[Program], watcher: Watcher) -> None:
    """Send secrets and programs; standard input stays open, as the signal that this process is alive."""
    lines = [
        storage.access_key_id.encode(),
        storage.secret_access_key.get_secret_value().encode(),
        password_of(storage).get_secret_value().encode(),
        # Always: a cage has no other list of authorities.
        base64.b64encode(read_authorities(storage.ca_file)),
    ]
    # A machine that has already ended gives the reason in its exit code.
    with contextlib.suppress(BrokenPipeError):
        started.stdin.write(b"".join(line + b"\n" for line in lines))
        for program in programs:
            watcher.on_step(f"sending {program.name}, {program.path.stat().st_size // _BLOCK_BYTES} MiB")
            with program.path.open("rb") as stream:
                while block := stream.read(_BLOCK_BYTES):
                    started.stdin.write(block)
        started.stdin.flush()


def _follow(started: Started, watcher: Watcher) -> RestoreSummary:
    summary = RestoreSummary(0, 0)
    for line in started.lines(OUTPUT_BYTES):
        fields = read_line(line)
        if fields.get("message_type") == "status":
            watcher.on_progress(read_fraction(fields))
        elif fields.get("message_type") == "coffre_uncaged":
            reason = one_line(str(fields.get("reason", "")), _SHOWN)
            watcher.on_step(f"the machine allows no cage, so only the check of the listing protects it: {reason}")
        elif fields.get("message_type") == "summary":
            summary = read_restore_summary(fields)
    return summary


def _raise_for(machine: SshMachine, restore: RemoteRestore, code: int, stderr: list[str]) -> None:
    if code == 0:
        return
    secrets = (restore.storage.secret_access_key, password_of(restore.storage))
    lines = [redact(line, [secret.get_secret_value() for secret in secrets]) for line in stderr]
    if code in (SSH_FAILED, SIGNALLED + 15) or code < 0:
        raise MachineUnreachableError(
            f"{machine.name}: the connection broke during the restore", "Run the same command again: it continues."
        )
    raise explain_end(code, lines, machine.name)


def explain_end(code: int, lines: list[str], machine: str) -> ExpectedError:
    """Return the error for an exit code of the script, or of restic. Pure."""
    said = one_line(lines[-1], _LONGEST_REASON) if lines else "it gave no reason"
    if code == 83:
        return RefusedError(f"{machine}: {said}", "Name a new folder with --into: a restore never overwrites.")
    if code == 84:
        snapshot, _, path = said.partition(" ")
        chosen = f"--snapshot {snapshot[:8]}" + (f" --path {path}" if path != "/" else "")
        return RefusedError(
            f"{machine}: the folder holds an unfinished restore of another snapshot or path",
            f"Finish it with {chosen}, or name a new folder with --into.",
        )
    if code == 86:
        return RefusedError(
            f"{machine}: {said}",
            "With --into, name a folder below /root, or another one that only root can change at every level.",
        )
    if code >= 80:
        return ExpectedError(f"{machine}: {said}", "Correct that on the machine, then run the same command again.")
    message, hint = explain_exit(code, lines)
    if any("no space left" in line.lower() for line in lines):
        hint = "The disk there is full. Free some space, then run the same command again: it continues."
    return ResticError(f"{machine}: {message}", hint, code)
