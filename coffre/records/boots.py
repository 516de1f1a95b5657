"""The machines that reported under a machine's name: the accepted one, and each start. Plain values."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class AcceptedMachine:
    """The accepted machine: digests of its installation and its hardware ("": not known), and its host name.

    ``at`` is when SMILÉO accepted it.
    """

    machine_id: str
    hardware_id: str
    host_name: str
    at: datetime


@dataclass(frozen=True)
class KnownBoot:
    """One start (``boot_id``) of a machine that reported under this name, by ``key``: a digest of machine and start.

    It certainly ran from ``booted_at`` to ``last_at``, and first reported at ``first_at``, by the server's clock
    (None: not known). ``is_own``: its reports are accepted, until ``ended_at`` when another machine replaced it.
    ``is_accepted``: SMILÉO saw it itself, at the machine's address. ``last_number`` is the number of its newest report,
    ``let_go_number`` the acknowledged one: reports up to it no longer raise an alarm.
    """

    key: str
    machine_id: str
    hardware_id: str
    host_name: str
    is_own: bool
    is_accepted: bool = False
    booted_at: datetime | None = None
    first_at: datetime | None = None
    last_at: datetime | None = None
    ended_at: datetime | None = None
    boot_id: str = ""
    last_number: int | None = None
    let_go_number: int | None = None
