"""Facts about backups: their use, drills and verifications, what was brought back, set aside or let go."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

from coffre.records.details import OPTIONAL, Stored
from coffre.records.facts.fact import Fact, RecordedFinding


def _write_utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


class PackFault(StrEnum):
    """What is wrong with a pack. The values are in the database for ever."""

    LOST = "lost"
    """The repository's index names it, and the bucket has none."""

    ALTERED = "altered"
    """Its content is not what its name says."""

    UNREADABLE = "unreadable"
    """It is listed, and the platform does not hand it over."""

    WRONG_SIZE = "wrong_size"
    """It is not as long as the index says."""


@dataclass(frozen=True)
class PasswordUsed(Fact):
    """A machine's repository password was used."""

    reason: str


@dataclass(frozen=True)
class Drilled(Fact):
    """A drill read a sample of a snapshot's files back; ``problems`` are what restic or the comparison said."""

    seed: int
    snapshot_id: Annotated[str, Stored("snapshot")]
    files: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    losses: tuple[RecordedFinding, ...] = ()
    gaps: tuple[RecordedFinding, ...] = ()


@dataclass(frozen=True)
class PackDamage:
    """One pack that is not what it was."""

    pack: str
    fault: PackFault


@dataclass(frozen=True)
class VerificationRun(Fact):
    """How far a round of verification is: ``position`` is its part from 0 to 1, ``damaged`` names some of all."""

    round_started_at: datetime
    last_pack: str
    pack_count: Annotated[int, Stored("packs")]
    read_bytes: int
    position: float
    is_complete: bool
    damaged: tuple[PackDamage, ...]
    damaged_count: int
    problem: str


@dataclass(frozen=True)
class VerificationRound(Fact):
    """A full round of verification ended: every pack that was there when it started was read."""

    round_started_at: datetime
    pack_count: Annotated[int, Stored("packs")]
    read_bytes: int
    damaged_count: int


@dataclass(frozen=True)
class Undeleted(Fact):
    """A repository was brought back to a moment; ``hidden`` names some of the keys that came later."""

    to: Annotated[datetime, Stored("to", write=_write_utc)]
    brought_back_count: Annotated[int, Stored("brought_back")]
    copied_bytes: int
    hidden: tuple[str, ...]
    hidden_count: int
    lost_count: int
    foreign_count: int = 0


@dataclass(frozen=True)
class SnapshotSetAside(Fact):
    """A snapshot was put beside its repository."""

    snapshot_id: Annotated[str, Stored("snapshot")]
    reason: str


@dataclass(frozen=True)
class SnapshotBroughtBack(Fact):
    """A snapshot that was aside was put back into its repository."""

    snapshot_id: Annotated[str, Stored("snapshot")]
    reason: str


@dataclass(frozen=True)
class SnapshotsReleased(Fact):
    """Snapshots may be gone from now on; ``reason`` and ``losses`` are there when an operator acknowledged it."""

    why: str
    snapshot_ids: Annotated[tuple[str, ...], Stored("snapshots")]
    reason: Annotated[str | None, OPTIONAL] = None
    losses: Annotated[tuple[RecordedFinding, ...] | None, OPTIONAL] = None


@dataclass(frozen=True)
class NewRepository(Fact):
    """A repository begins anew: how many snapshots were known before, and the newest of them."""

    reason: str
    snapshot_count: Annotated[int, Stored("snapshots")]
    newest_snapshot_id: Annotated[str | None, Stored("newest")] = None
