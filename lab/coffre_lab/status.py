"""The running parts of a lab, as data for the command line."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class DaemonStatus:
    """One daemon of the platform."""

    name: str
    pid: int | None
    """None when it does not run."""


@dataclass(frozen=True)
class MachineStatus:
    """One machine of the lab."""

    host: str
    address: str
    leader_pid: int | None
    """None when it does not run."""
    answers: bool
    """Whether its SSH server greets."""


@dataclass(frozen=True)
class LabStatus:
    """The running parts of a lab."""

    directory: Path
    release: int | None
    """Number of its Ceph; None for a lab that was never started."""
    endpoint: str | None
    """The gateway's URL; None for a lab that was never started."""
    daemons: tuple[DaemonStatus, ...]
    machines: tuple[MachineStatus, ...]
    gateways: tuple[str, ...] = ()
    """Each gateway's own address, where there are several behind the endpoint."""

    @property
    def is_running(self) -> bool:
        """Whether everything the lab has runs: each daemon and each machine."""
        every_daemon = bool(self.daemons) and all(daemon.pid is not None for daemon in self.daemons)
        return every_daemon and all(machine.answers for machine in self.machines)

    @property
    def is_stopped(self) -> bool:
        """Whether nothing of the lab runs."""
        return all(daemon.pid is None for daemon in self.daemons) and all(
            machine.leader_pid is None for machine in self.machines
        )
