"""Daily usage of a machine's storage and the runs of commands, as values."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


@dataclass(frozen=True)
class Usage:
    """The content of one machine's bucket on one day; the day's last measurement is valid.

    ``current_bytes`` are the current versions, which the sold quota counts; ``stored_bytes`` are all versions.
    ``measured_on`` is a day in the tenant's time zone, ``measured_at`` the aware time.
    """

    tenant_id: str
    machine: str
    measured_on: date
    current_bytes: int
    stored_bytes: int
    measured_at: datetime


@dataclass(frozen=True)
class Midnight:
    """What a tenant held at 00:00 of a day, in the provider's time zone: current versions, and all versions.

    ``measured_at`` is the aware time of the look, soon after. A day without one was not measured.
    """

    tenant_id: str
    day: date
    current_bytes: int
    stored_bytes: int
    measured_at: datetime

    @property
    def noncurrent_bytes(self) -> int:
        return max(0, self.stored_bytes - self.current_bytes)


class RunOutcome(StrEnum):
    """The result of a run. The database keeps the values for ever."""

    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"
    BUSY = "busy"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class Run:
    """One command that changes something. Without ``finished_at`` it still runs, or was killed."""

    id: int
    command: str
    tenants: tuple[str, ...]
    started_at: datetime
    actor: str
    commit: str | None
    finished_at: datetime | None = None
    outcome: RunOutcome | None = None
