"""A machine's SSH host keys: read from it, shown as fingerprints, and recorded in the tenant's known_hosts file."""

import base64
import contextlib
import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from coffre.agents.reach.ssh import CLIENT_VARIABLES, CONNECT_SECONDS, DEFAULT_PORT, SshMachine, known_as
from coffre.agents.reach.ssh_errors import MachineUnreachableError, explain_ssh, last_line
from coffre.errors import ExpectedError, RefusedError
from coffre.outside import processes
from coffre.outside.environment import child_environment
from coffre.outside.files import NotPlainFileError, TooLargeError, read_plain
from coffre.outside.text import split_lines
from coffre.spec.tenant import SshConnection
from coffre.workspace.files import PUBLIC_FILE, write_atomically

RESOLVE_SECONDS = 10
STDOUT_BYTES = 256 * 1024
FILE_BYTES = 1024**2


@dataclass(frozen=True, order=True)
class HostKey:
    """One public host key: its algorithm and the key in base64."""

    algorithm: str
    key: str

    @property
    def fingerprint(self) -> str:
        """The key's fingerprint as `ssh-keygen -l` prints it on the machine itself."""
        digest = hashlib.sha256(base64.b64decode(self.key)).digest()
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


@dataclass(frozen=True)
class ScannedHost:
    """The keys that a machine shows: ``name`` is ssh's name for the look-up (`[host]:port` for an unusual port)."""

    name: str
    keys: tuple[HostKey, ...]


@dataclass(frozen=True)
class _Address:
    host: str
    port: int
    known_as: str


def scan(connection: SshConnection, ssh_config: Path | None) -> ScannedHost:
    """Read a machine's host keys, at the address that ssh itself would use. Nothing is recorded.

    UnreachableError when it does not answer; ExpectedError when it can only be reached through another machine.
    """
    address = _resolve(connection, ssh_config)
    timeout = ["-T", str(CONNECT_SECONDS)]
    stdout, stderr = _call(["ssh-keyscan", *timeout, "-p", str(address.port), "--", address.host], CONNECT_SECONDS * 4)
    keys = tuple(sorted({key for _, key in read_lines(stdout.splitlines())}))
    if not keys:
        complaint = "\n".join(line for line in stderr.splitlines() if not line.startswith("#"))
        raise explain_ssh(complaint or "timed out", connection.host, "")
    return ScannedHost(address.known_as, keys)


def scan_at_site(node: SshMachine, connection: SshConnection) -> ScannedHost:
    """Read a machine's host keys from the node of its site, as the only one that reaches it. Nothing is recorded."""
    port = str(connection.port)
    seconds = str(CONNECT_SECONDS)
    argv = ["ssh-keyscan", "-T", seconds, "-p", port, "--", connection.host]
    done = node.run(argv, CONNECT_SECONDS * 4)
    keys = tuple(sorted({key for _, key in read_lines(split_lines(done.stdout))}))
    if not keys:
        complaint = "\n".join(line for line in done.stderr.splitlines() if not line.startswith("#"))
        raise explain_ssh(complaint or "timed out", f"{connection.host}, from {node.name}", "")
    return ScannedHost(known_as(connection) or connection.host, keys)


def find_recorded(known_hosts: Path, name: str) -> tuple[HostKey, ...]:
    """Return the recorded keys of a name, sorted; none when the tenant has no file yet."""
    recorded = read_lines(_read_file(known_hosts))
    return tuple(sorted({key for known, key in recorded if known == name}))


def refuse_changed_node(recorded: Iterable[HostKey], scanned: ScannedHost, site: str) -> None:
    """Refuse (RefusedError) a site's node that does not show its recorded key. Pure."""
    if is_conflict(recorded, scanned.keys):
        raise RefusedError(
            f"site {site}: the computer that answers as {scanned.name} is not the node that was recorded",
            "If nobody reinstalled the node, another computer may be answering in its place: stop here and find out. "
            "If somebody did, have the new fingerprint read on it and repeat with --replace.",
        )


def refuse_changed(recorded: Iterable[HostKey], scanned: ScannedHost, slug: str, machine: str) -> None:
    """Refuse (RefusedError) a machine that does not show its recorded key, with the two possible actions. Pure."""
    if not is_conflict(recorded, scanned.keys):
        return
    raise RefusedError(
        f"{slug}/{machine}: the machine that answers as {scanned.name} is not the one that was recorded",
        f"If nobody reinstalled or replaced {machine}, another machine may be answering in its place: stop here and "
        "find out. If somebody did, ask its administrator to read the new fingerprint on it and repeat with --replace. "
        f"Then run `coffre rotate {slug} --machine {machine} --now`, because the old machine still has the old key, "
        f"and `coffre apply {slug}` (docs/replace-a-machine.md).",
    )


def record(known_hosts: Path, scanned: ScannedHost, *, replace: bool = False) -> bool:
    """Write a machine's keys to the tenant's file, completely or not at all; False when they are already there.

    RefusedError when other keys are recorded for that name, unless ``replace``. The file is public and belongs in git.
    """
    lines = _read_file(known_hosts)
    recorded = set(find_recorded(known_hosts, scanned.name))
    if recorded == set(scanned.keys):
        return False
    if is_conflict(recorded, scanned.keys) and not replace:
        raise RefusedError(
            f"{scanned.name}: the host key that it shows is not the one recorded in {known_hosts.name}",
            "Another machine may be answering in its place. Once its administrator has confirmed the new fingerprint, "
            "repeat the command with --replace.",
        )
    kept = [line for line in lines if not any(name == scanned.name for name, _ in read_lines([line]))]
    added = [f"{scanned.name} {key.algorithm} {key.key}" for key in scanned.keys]
    known_hosts.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(f"{line}\n" for line in [*kept, *added])
    write_atomically(known_hosts, text.encode("utf-8", "surrogateescape"), mode=PUBLIC_FILE, is_alone=False)
    return True


def is_conflict(recorded: Iterable[HostKey], shown: Iterable[HostKey]) -> bool:
    """Tell whether a recorded key is no longer shown: new keys beside the old ones are no conflict. Pure."""
    return not set(recorded) <= set(shown)


def read_lines(lines: Iterable[str]) -> list[tuple[str, HostKey]]:
    """Read known_hosts lines, a pair for each name; comments, markers, hashes and broken lines are left out. Pure."""
    found = []
    for line in lines:
        fields = line.split()
        if len(fields) < 3 or fields[0].startswith(("#", "@", "|")):
            continue
        with contextlib.suppress(ValueError):
            base64.b64decode(fields[2], validate=True)
            found += [(name, HostKey(fields[1], fields[2])) for name in fields[0].split(",")]
    return found


def _resolve(connection: SshConnection, ssh_config: Path | None) -> _Address:
    """Return the address to which ssh would connect, and the name with which it would look up the host key."""
    config = ["-F", str(ssh_config)] if ssh_config else []
    port = ["-p", str(connection.port)] if connection.port != DEFAULT_PORT else []
    stdout, stderr = _call(["ssh", "-G", *config, *port, "--", connection.host], RESOLVE_SECONDS)
    settings = dict(line.split(" ", 1) for line in stdout.splitlines() if " " in line)
    if "hostname" not in settings:
        raise ExpectedError(
            f"ssh cannot read its settings: {last_line(stderr)}", f"Look at {ssh_config or '~/.ssh/config'}."
        )
    if any(settings.get(way, "none") != "none" for way in ("proxyjump", "proxycommand")):
        raise ExpectedError(
            f"{connection.host} is reached through another machine, so Coffre cannot read its host key from here",
            "On that other machine run ssh-keyscan, and add the lines to the tenant's file under known_hosts/.",
        )
    host, port_number = settings["hostname"], int(settings.get("port", DEFAULT_PORT))
    usual = host if port_number == DEFAULT_PORT else f"[{host}]:{port_number}"
    return _Address(host, port_number, settings.get("hostkeyalias", usual))


def _call(command: Sequence[str], timeout_seconds: float) -> tuple[str, str]:
    limits = processes.Limits(timeout_seconds, STDOUT_BYTES)
    try:
        done = processes.run(command, limits, environment=child_environment(os.environ, only=CLIENT_VARIABLES))
    except processes.DeadlinePassedError:
        raise MachineUnreachableError(
            f"{command[-1]}: it did not answer in time", "Check that it is switched on and in the network."
        ) from None
    return done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")


def _read_file(known_hosts: Path) -> list[str]:
    """Return the lines of a tenant's file with any content; ExpectedError when it is not readable as such a file."""
    try:
        content = read_plain(known_hosts, FILE_BYTES)
    except FileNotFoundError:
        return []
    except (NotPlainFileError, TooLargeError) as error:
        raise ExpectedError(str(error), "Restore the file from git: it has one line for each host key.") from error
    return split_lines(content.decode("utf-8", "surrogateescape"))
