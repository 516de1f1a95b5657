"""Which machines spoke under a machine's name: the one whose backups count, and each of its starts. Plain values."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class AcceptedMachine:
    """The machine whose backups count: digests of its installation and its hardware ("": not known), its host's name.

    ``at`` is when SMILÉO took it for that.
    """

    machine_id: str
    hardware_id: str
    host_name: str
    at: datetime


@dataclass(frozen=True)
class KnownBoot:
    """One start (``boot_id``) of a machine that spoke under this one's name, by ``key``: a digest of machine and start.

    ``booted_at`` to ``last_at`` is when it ran for certain, ``first_at`` when it first reported, by the server's clock
    (None: not known). ``is_own``: what it says counts, until ``ended_at`` when its place was given to another machine.
    ``is_accepted``: SMILÉO saw it itself, at the machine's address. ``last_number`` is of its newest report,
    ``let_go_number`` the one up to which it alarms no more.
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
