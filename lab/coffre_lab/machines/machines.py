"""The machines to deploy to: systemd in a container each (systemd-nspawn), over one read-only base.

A machine writes to memory, and its data is lost when it stops. Its address, host key and host name stay the same.
"""

import contextlib
import fcntl
import shutil
import signal
import socket
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from coffre.errors import ExpectedError, RemoteError
from coffre_lab import network, processes
from coffre_lab.machines import cgroups
from coffre_lab.machines.base import SSH_DIRECTORY
from coffre_lab.processes import Daemon

BOOT_SECONDS = 90.0
NSPAWN_RUN = Path("/run/systemd/nspawn")
_JOIN_GROUPS = 'for group in $0; do echo $$ > "$group/cgroup.procs" || exit 1; done; exec "$@"'
"""A shell's work before it becomes nspawn: enter the machine's own control groups."""


@dataclass(frozen=True)
class Machine:
    """One machine of the lab."""

    host: str
    name: str
    """Its name among all machines of this computer: the lab's token and the machine's number."""
    address: str
    prefix_length: int
    bridge: str
    directory: Path
    """Its own files: ``ssh`` is mounted into the machine, ``console.log`` is what it says while it starts."""
    base: Path

    @property
    def interface(self) -> str:
        """The host's end of its network cable, as nspawn names it."""
        return f"vb-{self.name}"

    @property
    def log(self) -> Path:
        """What it says while it starts and stops."""
        return self.directory / "console.log"

    @property
    def environment_mark(self) -> str:
        """What its first process alone has in its environment, to find it when its nspawn was killed."""
        return f"COFFRE_LAB_MACHINE={self.name}"

    def daemon(self) -> Daemon:
        """Return the nspawn process of this machine."""
        short_name = self.host.partition(".")[0]
        ssh_source = str(self.directory / "ssh").replace("\\", "\\\\").replace(":", "\\:")
        argv = [
            "systemd-nspawn",
            *("--quiet", "--settings=no", "--register=no", "--link-journal=no", "--resolv-conf=off", "--timezone=off"),
            *(f"--directory={self.base}", "--volatile=overlay", "--boot", f"--machine={self.name}"),
            *(f"--hostname={short_name}", f"--uuid={uuid.uuid5(uuid.NAMESPACE_DNS, self.name)}"),
            *(f"--setenv={self.environment_mark}", f"--network-bridge={self.bridge}"),
            f"--bind-ro={ssh_source}:/{SSH_DIRECTORY}",
        ]
        if not cgroups.is_host_systemd():
            groups = " ".join(str(group) for group in cgroups.list_groups(self.group))
            argv = ["/bin/sh", "-c", _JOIN_GROUPS, groups, *argv, "--keep-unit"]
        return Daemon(self.host, "systemd-nspawn", tuple(argv), (f"--machine={self.name}",), self.log)

    @property
    def group(self) -> str:
        """The name of its control groups."""
        return f"coffre-{self.name}"

    def find_leader(self) -> int | None:
        """Return the process id, here, of the machine's first process; None when it does not run.

        Also found when its nspawn was killed, which leaves the machine running on its own.
        """
        mark = self.environment_mark.encode()
        for pid in processes.list_all_pids():
            try:
                if mark not in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                    continue
                status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
            except OSError:
                continue
            numbers = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()[1:]
            if len(numbers) > 1 and numbers[-1] == "1":
                return pid
        return None

    def is_running(self) -> bool:
        """Tell whether the machine runs under its nspawn."""
        return processes.is_running(self.daemon())

    def is_ready(self) -> bool:
        """Tell whether its SSH server greets and lets everybody in: while it starts, only root may log in."""
        leader = self.find_leader()
        return leader is not None and self.answers() and not Path(f"/proc/{leader}/root/run/nologin").exists()

    def answers(self) -> bool:
        """Tell whether its SSH server greets."""
        try:
            with socket.create_connection((self.address, 22), timeout=2) as connection:
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False

    def start(self, on_progress: Callable[[str], None]) -> None:
        """Start the machine if it does not run, and return once its SSH server answers."""
        daemon = self.daemon()
        if processes.is_running(daemon) and self.is_ready():
            return
        if not processes.is_running(daemon):
            self.stop()
            self.log.unlink(missing_ok=True)
            if not cgroups.is_host_systemd():
                cgroups.ensure(self.group)
            processes.start(daemon)
        processes.wait_until(
            self._connect, f"{self.host} has no first process", seconds=BOOT_SECONDS, daemon=daemon, pause=0.2
        )
        processes.wait_until(
            self.is_ready, f"{self.host} does not answer to SSH", seconds=BOOT_SECONDS, daemon=daemon, pause=0.2
        )
        self._furnish()
        on_progress(f"machines: {self.host} answers at {self.address}")

    def _connect(self) -> bool:
        """Give the machine its address, from outside; False when its end of the cable is not there yet."""
        leader = self.find_leader()
        if leader is None:
            return False
        inside = ["nsenter", "--target", str(leader), "--net"]
        try:
            own = f"{self.address}/{self.prefix_length}"
            processes.run([*inside, "ip", "address", "replace", own, "dev", "host0"], timeout=10)
            processes.run([*inside, "ip", "link", "set", "host0", "up"], timeout=10)
        except RemoteError:
            return False
        return True

    def _furnish(self) -> None:
        """Put a file into /srv: a path of a plan that gives none is a fault, and no machine in use is without any."""
        inside = ["nsenter", "--target", str(self.leader_pid()), "--mount", "--root", "--wd"]
        processes.run([*inside, "/bin/sh", "-c", f"echo 'Machine {self.host}' >/srv/lisezmoi.txt"], timeout=10)

    def stop(self) -> None:
        """End the machine at once, like a power cut, and remove nspawn's leftovers."""
        leader = self.find_leader()
        if leader is not None:
            processes.end_pid(leader, lambda: self.find_leader() == leader, first=signal.SIGKILL)
        # Without its first process, nspawn cleans up and ends by itself.
        with contextlib.suppress(RemoteError):
            processes.wait_until(lambda: not self.is_running(), "nspawn does not end", seconds=10)
        processes.end(self.daemon())
        network.remove_interface(self.interface)
        cgroups.remove(self.group)
        for directory in (NSPAWN_RUN / "propagate" / self.name, NSPAWN_RUN / "unix-export" / self.name):
            if directory.is_dir():
                shutil.rmtree(directory)

    def root(self) -> Path:
        """Return the machine's file system as seen from here."""
        return Path(f"/proc/{self.leader_pid()}/root")

    def leader_pid(self) -> int:
        """Return the process id, here, of its first process; raises ExpectedError when it does not run."""
        leader = self.find_leader()
        if leader is None:
            raise ExpectedError(f"{self.host} does not run", "coffre lab up starts it")
        return leader


def clear_stale_locks(base: Path) -> None:
    """Remove the lock files on the base that killed machines left; locks of running ones are in use and stay."""
    if not base.exists():
        return
    facts = base.stat()
    for file in (
        NSPAWN_RUN / "locks" / f"inode-{facts.st_dev}:{facts.st_ino}",
        base.with_name(f".#{base.name}.lck"),
    ):
        with contextlib.suppress(FileNotFoundError, BlockingIOError), file.open("r+") as stream:
            fcntl.lockf(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file.unlink()


def ensure_ssh_files(directory: Path, authorized_key: str) -> None:
    """Write the public key that may log in; sshd wants the folder and the file to be root's alone to write."""
    (directory / "ssh").mkdir(parents=True, exist_ok=True)
    file = directory / "ssh" / "authorized_keys"
    if not file.exists() or file.read_text(encoding="utf-8").strip() != authorized_key:
        file.write_text(f"{authorized_key}\n", encoding="utf-8")
    file.chmod(0o644)  # sshd reads it as the user who comes in
    (directory / "ssh").chmod(0o755)
