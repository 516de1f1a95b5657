"""One machine's return under way, and what a format hands over to a target."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from coffre.offboarding.handover.bag.bag import Payload
from coffre.offboarding.lifecycle.evidence import Flaws
from coffre.spec.leaving import Return
from coffre.tenant.service import Service

OnProgress = Callable[[str], None]

PARTS_TOLD = 20
LONGEST_PATH_BYTES = 3500
"""In a bag. No system opens more than 4,095 bytes at once: the rest is for where the bag lies, now and later."""


@dataclass(frozen=True)
class Purpose:
    """Why data is handed over: ``reason`` goes with the use of passwords, ``reference`` is an authority's request."""

    reason: str
    reference: str | None = None


AT_THE_END = Purpose("return of the data at the end of the contract")


@dataclass(frozen=True)
class Limits:
    """What a place can hold that a bag is carried to: the longest path in the bag.

    ``is_windows`` asks for names that Windows can hold; ``disk`` is a folder there, whose room is needed too. No file
    may be larger than ``largest_bytes``.
    """

    longest_bytes: int = LONGEST_PATH_BYTES
    is_windows: bool = False
    disk: Path | None = None
    largest_bytes: int = 2**63 - 1


@dataclass(frozen=True)
class Job:
    """One machine's return: ``bag`` is the folder here in which it is written; ``limits`` come from where it goes."""

    service: Service
    machine: str
    wanted: Return
    bag: Path
    purpose: Purpose
    on_progress: OnProgress
    limits: Limits = field(default_factory=Limits)

    @property
    def name(self) -> str:
        """What is handed over, to tell one bag from another."""
        name = f"{self.service.tenant.slug}/{self.machine}"
        return name if self.purpose.reference is None else f"{name} ({self.purpose.reference})"

    @property
    def reason(self) -> str:
        return f"{self.purpose.reason}, as {self.wanted.format.value} to {self.wanted.to.via}"


def tell_parts(job: Job, total: float, done: str) -> Callable[[float], None]:
    """Return what is told how much is done, and says it onward each time another twentieth is."""
    last = -1

    def tell(count: float) -> None:
        nonlocal last
        part = int(PARTS_TOLD * min(1.0, count / total)) if total else PARTS_TOLD
        if part > last:
            last = part
            job.on_progress(f"{job.machine}: {100 * part // PARTS_TOLD} % {done}")

    return tell


@dataclass(frozen=True)
class Written:
    """A bag that lies complete in its folder and was read back there, but for its tag files.

    ``set_aside`` are snapshots that are not in it: put aside, or such as no restic writes; ``flaws`` a repository's.
    """

    payload: Payload
    snapshots: tuple[str, ...]
    renamed: int
    written_at: str
    write_seconds: float
    read_back_seconds: float
    set_aside: tuple[str, ...] = ()
    flaws: Flaws = field(default_factory=Flaws)
