"""A restore run on a machine over SSH: the programs sent there when they are not, its secrets by standard input alone.

Into a folder the agent's own program restores, in a cage, wherever the machine allows one.
"""

import base64
import contextlib
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from coffre import toolchain
from coffre.agents.reach.ssh import SSH_FAILED, SshMachine, Started
from coffre.agents.reach.ssh_errors import UnreachableError
from coffre.agents.repository import BucketStorage, RemoteRestore, RestoreSummary, Watcher, password_of
from coffre.agents.restic.address import repository_url
from coffre.agents.restic.authorities import read_authorities
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
"""Where an agent's deployment puts its programs; each is used when it is the very one that would be sent."""

OURS = ("/etc/coffre", "/usr/local/lib/coffre", "/usr/local/bin/sauvegarde-restaurer", "/var/lib/coffre")
"""What is never restored in place: another machine's identity, or an agent older than the one that is there."""

LOOK_SECONDS = 30.0
SIGNALLED = 128
OUTPUT_BYTES = 4 * 1024**3
"""The most that a restore prints of its progress; none of it is kept."""
_LOOK = "echo system=$(uname -s); echo architecture=$(uname -m); " + "; ".join(
    f"echo {name}=$(sha256sum <{path} 2>/dev/null | cut -c 1-64)" for name, path in INSTALLED.items()
)
_SCRIPT = Path(__file__).with_suffix(".sh").read_text(encoding="utf-8")
_BLOCK_BYTES = 1024**2
_SHOWN, _LONGEST_REASON = 200, 1000
"""The most characters that are shown of what a machine says of itself, and of why it failed."""


@dataclass(frozen=True)
class RestoreHost:
    """What a machine has: its system and architecture, and by name the SHA-256 of each program of ours that it has."""

    system: str
    architecture: str
    sha256: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Program:
    """One program that the restore runs: the file here, and its SHA-256."""

    name: str
    path: Path
    sha256: str


def look_at(machine: SshMachine) -> RestoreHost:
    """Ask a machine what it is; raises the errors of `ssh_errors` when it cannot be asked."""
    done = machine.run(["sh", "-c", _LOOK], LOOK_SECONDS)
    return read_facts(done.stdout)


def read_facts(said: str) -> RestoreHost:
    """Read what a machine answers. Pure."""
    facts = {name: value for name, _, value in (line.partition("=") for line in said.splitlines())}
    sha256 = {name: facts[name] for name in INSTALLED if facts.get(name)}
    return RestoreHost(facts.get("system", ""), facts.get("architecture", ""), sha256)


def choose_sent(facts: RestoreHost, machine: str, programs: Sequence[Program]) -> list[Program]:
    """Return the programs that have to be sent; RefusedError for a machine on which ours do not run. Pure."""
    missing = [program for program in programs if facts.sha256.get(program.name) != program.sha256]
    here = (platform.system(), platform.machine())
    if missing and (facts.system, facts.architecture) != here:
        system, architecture = one_line(facts.system, _SHOWN), one_line(facts.architecture, _SHOWN)
        raise RefusedError(
            f"{machine} runs {system or 'an unknown system'} on {architecture or 'an unknown processor'}: "
            f"restic for {here[0]} on {here[1]} is all there is here",
            "Restore to a directory here and copy it over, or to a machine of this kind.",
        )
    return missing


def build_arguments(restore: RemoteRestore) -> list[str]:
    """Return restic's arguments; nothing secret is in them. Pure."""
    storage = restore.storage
    snapshot, excludes, path = restore.snapshot_id, [], restore.path
    target = restore.folder or "/"
    if restore.folder is None:
        # restic knows no exclusion beside an inclusion: a folder that holds what is ours is restored as the root.
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
    """Refuse to put back in place what makes the machine's agent itself. Pure."""
    if path is not None and any(path == ours or path.startswith(f"{ours}/") for ours in OURS):
        raise RefusedError(
            f"{path} belongs to the agent of {machine} and is never put back in place",
            "`coffre apply` writes it; to look at it, restore it to a directory.",
        )


def restore_on(machine: SshMachine, restore: RemoteRestore, watcher: Watcher) -> RestoreSummary:
    """Restore on a machine and return what came back. Running it again after it was killed goes on.

    The machine gets the key and the password of ``restore.storage`` in the environment of one process; nothing of them
    is in a file or in an argument there or here. When this process dies, the machine ends restic and clears up.
    """
    names = (RESTIC,) if restore.folder is None else (RESTIC, AGENT)
    programs = [_find_program(name) for name in names]
    sent = choose_sent(look_at(machine), machine.name, programs)
    refuse_ours(restore.path if restore.folder is None else None, machine.name)
    with machine.started(["sh", "-c", _SCRIPT, "coffre-restore", *build_call(restore, programs, sent)]) as started:
        _send(started, restore.storage, sent, watcher)
        summary = _follow(started, watcher)
        ended = started.end()
    _raise_for(machine, restore, ended.exit_code, ended.stderr.splitlines())
    return summary


def build_call(restore: RemoteRestore, programs: Sequence[Program], sent: Sequence[Program]) -> list[str]:
    """Return the script's arguments; nothing secret is in them. Pure but for the sizes of what is sent."""
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
    """Send secrets and programs; standard input stays open, as the sign that this process lives."""
    lines = [
        storage.access_key_id.encode(),
        storage.secret_access_key.get_secret_value().encode(),
        password_of(storage).get_secret_value().encode(),
        # Always: in a cage there is no list of authorities but this one.
        base64.b64encode(read_authorities(storage.ca_file)),
    ]
    # A machine that ended already says why in its exit code.
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
            watcher.on_step(f"the machine allows no cage, the checked listing alone protects it: {reason}")
        elif fields.get("message_type") == "summary":
            summary = read_restore_summary(fields)
    return summary


def _raise_for(machine: SshMachine, restore: RemoteRestore, code: int, stderr: list[str]) -> None:
    if code == 0:
        return
    secrets = (restore.storage.secret_access_key, password_of(restore.storage))
    lines = [redact(line, [secret.get_secret_value() for secret in secrets]) for line in stderr]
    if code in (SSH_FAILED, SIGNALLED + 15) or code < 0:
        raise UnreachableError(
            f"{machine.name}: the connection broke during the restore", "Run the same command again: it goes on."
        )
    raise explain_end(code, lines, machine.name)


def explain_end(code: int, lines: list[str], machine: str) -> ExpectedError:
    """Return what an exit code of the script, or of restic, means. Pure."""
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
            "Name a folder with --into of which root alone may change every part, such as one below /root.",
        )
    if code >= 80:
        return ExpectedError(f"{machine}: {said}", "Put that right on the machine and run the same command again.")
    message, hint = explain_exit(code, lines)
    if any("no space left" in line.lower() for line in lines):
        hint = "There is no room left there: free some and run the same command again, it goes on where it stopped."
    return ResticError(f"{machine}: {message}", hint, code)
