"""A restore run on a machine over SSH: restic sent there when it is not, its secrets by standard input alone."""

import base64
import contextlib
import platform
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from coffre import toolchain
from coffre.agents.driver import MachineStorage
from coffre.agents.restic.output import (
    RestoreSummary,
    exact_pattern,
    explain_exit,
    read_fraction,
    read_line,
    read_restore_summary,
)
from coffre.agents.restic.process import ResticError, redact
from coffre.agents.ssh import SSH_FAILED, CompletedRun, SshMachine
from coffre.agents.ssh_errors import UnreachableError
from coffre.errors import ExpectedError, RefusedError
from coffre.outside import processes
from coffre.spec import naming

INSTALLED = "/usr/local/lib/coffre/restic"
"""Where an agent's deployment puts restic; used when it is the very one that would be sent."""

OURS = ("/etc/coffre", "/usr/local/lib/coffre", "/usr/local/bin/sauvegarde-restaurer", "/var/lib/coffre")
"""What is never restored in place: another machine's identity, or an agent older than the one that is there."""

LOOK_SECONDS = 30.0
SIGNALLED = 128
OUTPUT_BYTES = 4 * 1024**3
"""The most that a restore prints of its progress; none of it is kept."""
_LOOK = f'uname -s; uname -m; sha256sum <{INSTALLED} 2>/dev/null | cut -c 1-64'  # fmt: skip
_BLOCK_BYTES = 1024**2


@dataclass(frozen=True)
class RemoteRestore:
    """What is restored from where, and where to: ``folder`` on the machine, None for in place, over what is there."""

    storage: MachineStorage
    snapshot_id: str
    folder: str | None
    path: str | None = None


class Watcher(Protocol):
    """What is told while it goes on."""

    def on_step(self, text: str) -> None: ...

    def on_progress(self, fraction: float) -> None: ...


@dataclass(frozen=True)
class MachineFacts:
    """What a machine has: its system and architecture, and the SHA-256 of its restic, empty when it has none."""

    system: str
    architecture: str
    restic_sha256: str


def look_at(machine: SshMachine) -> MachineFacts:
    """Ask a machine what it is; raises the errors of `ssh_errors` when it cannot be asked."""
    done = machine.run(["sh", "-c", _LOOK], LOOK_SECONDS)
    lines = [line.strip() for line in done.stdout.splitlines()] + ["", "", ""]
    return MachineFacts(lines[0], lines[1], lines[2])


def choose_restic(facts: MachineFacts, machine: str, restic_sha256: str) -> bool:
    """Tell whether restic has to be sent; RefusedError for a machine on which ours does not run. Pure."""
    if facts.restic_sha256 == restic_sha256:
        return False
    here = (platform.system(), platform.machine())
    if (facts.system, facts.architecture) != here:
        raise RefusedError(
            f"{machine} runs {facts.system or 'an unknown system'} on {facts.architecture or 'an unknown processor'}: "
            f"restic for {here[0]} on {here[1]} is all there is here",
            "Restore to a directory here and copy it over, or to a machine of this kind.",
        )
    return True


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
        f"--repo=s3:{storage.endpoint_url}/{storage.bucket}/{naming.RESTIC_PREFIX.rstrip('/')}",
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
    program = toolchain.find_tool("restic")
    sha256 = toolchain.sha256_program(program)
    is_sent = choose_restic(look_at(machine), machine.name, sha256)
    refuse_ours(restore.path if restore.folder is None else None, machine.name)
    mark = "" if restore.folder is None else f"{restore.snapshot_id} {restore.path or '/'}"
    script = Path(__file__).with_suffix(".sh").read_text(encoding="utf-8")
    size = str(program.stat().st_size if is_sent else 0)
    arguments = [restore.folder or "/", mark, size, sha256, INSTALLED, *build_arguments(restore)]
    with machine.started(["sh", "-c", script, "coffre-restore", *arguments]) as process:
        complaints = processes.Complaints(process)
        _send(process, restore.storage, program if is_sent else None, watcher)
        summary = _follow(process, watcher.on_progress)
        code = process.wait()
        stderr = complaints.lines()
        complaints.refuse_endless()
    _raise_for(machine, restore, code, stderr)
    return summary


def _send(process: "subprocess.Popen[bytes]", storage: MachineStorage, program: Path | None, watcher: Watcher) -> None:
    """Send secrets and program; standard input stays open, as the sign that this process lives."""
    authorities = b"" if storage.ca_file is None else base64.b64encode(_read_authorities(storage.ca_file))
    lines = [
        storage.access_key_id.encode(),
        storage.secret_access_key.get_secret_value().encode(),
        storage.repository_password.get_secret_value().encode(),
        authorities,
    ]
    assert process.stdin is not None  # noqa: S101 - a pipe was asked for
    # A machine that ended already says why in its exit code.
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(b"".join(line + b"\n" for line in lines))
        if program is not None:
            watcher.on_step(f"sending restic, {program.stat().st_size // _BLOCK_BYTES} MiB")
            with program.open("rb") as stream:
                while block := stream.read(_BLOCK_BYTES):
                    process.stdin.write(block)
        process.stdin.flush()


def _follow(process: "subprocess.Popen[bytes]", on_progress: Callable[[float], None]) -> RestoreSummary:
    assert process.stdout is not None  # noqa: S101 - a pipe was asked for
    summary = RestoreSummary(0, 0)
    for line in processes.read_lines(process.stdout, "the machine", total_bytes=OUTPUT_BYTES):
        fields = read_line(line.decode("utf-8", "replace"))
        if fields.get("message_type") == "status":
            on_progress(read_fraction(fields))
        elif fields.get("message_type") == "summary":
            summary = read_restore_summary(fields)
    return summary


def _read_authorities(ca_file: Path) -> bytes:
    try:
        return ca_file.read_bytes()
    except OSError as error:
        raise ExpectedError(
            f"the platform's certificate authority cannot be read: {ca_file}: {error.strerror}",
            "Set `ca_file` of the platform to its PEM file.",
        ) from error


def _raise_for(machine: SshMachine, restore: RemoteRestore, code: int, stderr: list[str]) -> None:
    if code == 0:
        return
    secrets = (restore.storage.secret_access_key, restore.storage.repository_password)
    lines = [redact(line, [secret.get_secret_value() for secret in secrets]) for line in stderr]
    machine.check_asked(CompletedRun(code, "", "\n".join(lines)))
    if code in (SSH_FAILED, SIGNALLED + 15) or code < 0:
        raise UnreachableError(
            f"{machine.name}: the connection broke during the restore", "Run the same command again: it goes on."
        )
    raise explain_end(code, lines, machine.name)


def explain_end(code: int, lines: list[str], machine: str) -> ExpectedError:
    """Return what an exit code of the script, or of restic, means. Pure."""
    said = lines[-1].strip() if lines else "it gave no reason"
    if code == 83:
        return RefusedError(f"{machine}: {said}", "Name a new folder with --into: a restore never overwrites.")
    if code == 84:
        snapshot, _, path = said.partition(" ")
        chosen = f"--snapshot {snapshot[:8]}" + (f" --path {path}" if path != "/" else "")
        return RefusedError(
            f"{machine}: the folder holds an unfinished restore of another snapshot or path",
            f"Finish it with {chosen}, or name a new folder with --into.",
        )
    if code >= 80:
        return ExpectedError(f"{machine}: {said}", "Put that right on the machine and run the same command again.")
    message, hint = explain_exit(code, lines)
    if any("no space left" in line.lower() for line in lines):
        hint = "There is no room left there: free some and run the same command again, it goes on where it stopped."
    return ResticError(f"{machine}: {message}", hint, code)
