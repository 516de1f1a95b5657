"""One machine's return under way, and what a format hands over to a target."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from coffre.offboarding.returning.bag import Payload
from coffre.operations.service import Service
from coffre.spec.leaving import Return

OnProgress = Callable[[str], None]


@dataclass(frozen=True)
class Job:
    """One machine's return: ``bag`` is the folder here in which it is written, ``reason`` goes with its password.

    ``longest_bytes`` is the longest path in the bag that the target holds, None where there is no such limit.
    """

    service: Service
    machine: str
    wanted: Return
    bag: Path
    reason: str
    on_progress: OnProgress
    longest_bytes: int | None = None

    @property
    def name(self) -> str:
        return f"{self.service.tenant.slug}/{self.machine}"


@dataclass(frozen=True)
class Written:
    """A bag that lies complete in its folder and was read back there, but for its tag files."""

    payload: Payload
    snapshots: tuple[str, ...]
    renamed: int
    written_at: str
    write_seconds: float
    read_back_seconds: float
