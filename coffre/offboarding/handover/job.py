"""One machine's return in progress, and the result that a format gives to a target."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from coffre.offboarding.handover.bag.bag import Payload
from coffre.offboarding.lifecycle.evidence import Flaws
from coffre.records.facts.password_uses import HandoverUse
from coffre.spec.leaving import Return
from coffre.tenant.opening import OpenTenant

OnProgress = Callable[[str], None]

PARTS_TOLD = 20
LONGEST_PATH_BYTES = 3500
"""The limit of a path in a bag. Systems accept at most 4,095 bytes: the rest is for the bag's own path."""


@dataclass(frozen=True)
class Purpose:
    """The purpose of a return: an authority's request under its ``reference``, without one the end of the contract."""

    reference: str | None = None


AT_THE_END = Purpose()


@dataclass(frozen=True)
class TargetLimits:
    """The limits of a bag's target: the longest path in the bag.

    ``is_windows`` requires names that Windows accepts; ``disk`` is a folder there, which needs room too. No file may
    be larger than ``largest_bytes``.
    """

    longest_bytes: int = LONGEST_PATH_BYTES
    is_windows: bool = False
    disk: Path | None = None
    largest_bytes: int = 2**63 - 1


@dataclass(frozen=True)
class Job:
    """One machine's return: ``bag`` is the local folder in which it is written; ``limits`` come from its target."""

    opened: OpenTenant
    machine: str
    wanted: Return
    bag: Path
    purpose: Purpose
    on_progress: OnProgress
    limits: TargetLimits = field(default_factory=TargetLimits)

    @property
    def name(self) -> str:
        """The identity of the returned data, to distinguish bags."""
        name = f"{self.opened.tenant.slug}/{self.machine}"
        return name if self.purpose.reference is None else f"{name} ({self.purpose.reference})"

    @property
    def reason(self) -> HandoverUse:
        """The reason that is recorded with the use of the machine's password."""
        return HandoverUse(self.wanted.format.value, self.wanted.to.via, self.purpose.reference)


def tell_parts(job: Job, total: float, done: str) -> Callable[[float], None]:
    """Return a function that receives the progress and reports it at every twentieth."""
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
    """A bag that is complete in its folder and was read back there, without its tag files.

    ``set_aside`` are snapshots that are not in it: set aside, or invalid for restic; ``flaws`` are a repository's.
    """

    payload: Payload
    snapshots: tuple[str, ...]
    renamed: int
    written_at: str
    write_seconds: float
    read_back_seconds: float
    set_aside: tuple[str, ...] = ()
    flaws: Flaws = field(default_factory=Flaws)
