"""Facts about backups: password uses, drills, verifications, restores of a repository, snapshots, losses."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

from coffre.records.details import OPTIONAL, Stored
from coffre.records.facts.fact import Fact, RecordedFinding
from coffre.records.facts.password_uses import PasswordReason


def _write_utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


class PackFault(StrEnum):
    """The fault of a pack. The database keeps the values for ever."""

    LOST = "lost"
    """The repository's index has it, and the bucket does not."""

    ALTERED = "altered"
    """Its content does not match the hash in its name."""

    UNREADABLE = "unreadable"
    """It is listed, but the platform does not return it."""

    WRONG_SIZE = "wrong_size"
    """It does not have the size that the index gives."""


@dataclass(frozen=True)
class PasswordUsed(Fact):
    """A machine's repository password was used."""

    reason: PasswordReason


@dataclass(frozen=True)
class Reading:
    """How long files of a backup took to be read: ``seconds`` by a clock that never jumps.

    ``read_bytes`` are those of the files, not those of the storage. ``platform`` is where they came from, ``onto`` the
    machine that read them; None is the computer on which Coffre ran. Both together are the line.
    """

    seconds: float
    read_bytes: int
    files: int
    platform: str
    onto: Annotated[str | None, OPTIONAL] = None


@dataclass(frozen=True)
class Restored(Fact):
    """Files of a snapshot were restored; ``reading`` is None when its time says nothing about the line."""

    snapshot_id: Annotated[str, Stored("snapshot")]
    reading: Annotated[Reading | None, OPTIONAL] = None


@dataclass(frozen=True)
class Drilled(Fact):
    """A drill read a sample of a snapshot's files back; ``problems`` are the messages of restic or the comparison.

    ``copied_to`` is the platform of the second copy, for a drill from that. ``reading`` is None for a drill that
    failed, and for one of an earlier version.
    """

    seed: int
    snapshot_id: Annotated[str, Stored("snapshot")]
    files: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    losses: tuple[RecordedFinding, ...] = ()
    gaps: tuple[RecordedFinding, ...] = ()
    copied_to: Annotated[str | None, OPTIONAL] = None
    reading: Annotated[Reading | None, OPTIONAL] = None

    @property
    def is_passed(self) -> bool:
        """Whether every file came back as it was, and storage has lost nothing."""
        return not self.problems and not self.losses and not self.gaps


@dataclass(frozen=True)
class PackDamage:
    """One damaged pack."""

    pack: str
    fault: PackFault


@dataclass(frozen=True)
class VerificationRun(Fact):
    """The progress of a round of verification: ``position`` is from 0 to 1, ``damaged`` names some of all."""

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
    """A full round of verification ended: every pack that existed at its start was read."""

    round_started_at: datetime
    pack_count: Annotated[int, Stored("packs")]
    read_bytes: int
    damaged_count: int


class CopyFault(StrEnum):
    """The reason why an object is not in the second copy as the source lists it. The database keeps the values."""

    ALTERED = "altered"
    """Its content does not match the hash in its name, or the size in the listing."""

    TOO_LARGE = "too_large"
    """It is larger than any object that an agent writes."""

    UNREADABLE = "unreadable"
    """It is listed, but the platform does not return it."""

    GONE = "gone"
    """It was listed, and no longer existed when it was read."""

    SIZE_DIFFERS = "size_differs"
    """The copy has it with another size: the source's was changed after the copy, or the copy is damaged."""


@dataclass(frozen=True)
class UncopiedObject:
    """One object that is not in the second copy as the source lists it."""

    key: str
    fault: CopyFault


@dataclass(frozen=True)
class CopyRun(Fact):
    """A machine's repository was copied to another platform, or a part of it; ``faults`` names some of all.

    ``listed_at`` is the source's clock before its snapshots were listed: with ``is_complete``, everything that existed
    then was copied, was there already, or is a fault. ``snapshot_count`` counts the snapshots listed then.
    """

    platform: str
    listed_at: datetime
    is_complete: bool
    snapshot_count: Annotated[int, Stored("snapshots")]
    copied_count: Annotated[int, Stored("copied")]
    copied_bytes: int
    faults: tuple[UncopiedObject, ...]
    fault_count: int


@dataclass(frozen=True)
class Undeleted(Fact):
    """A repository was brought back to a time; ``hidden`` names some of the later keys."""

    to: Annotated[datetime, Stored("to", write=_write_utc)]
    brought_back_count: Annotated[int, Stored("brought_back")]
    copied_bytes: int
    hidden: tuple[str, ...]
    hidden_count: int
    lost_count: int
    foreign_count: int = 0


@dataclass(frozen=True)
class SnapshotSetAside(Fact):
    """A snapshot was set aside."""

    snapshot_id: Annotated[str, Stored("snapshot")]
    reason: str


@dataclass(frozen=True)
class SnapshotBroughtBack(Fact):
    """A snapshot that was set aside was put back into its repository."""

    snapshot_id: Annotated[str, Stored("snapshot")]
    reason: str


@dataclass(frozen=True)
class SnapshotsReleased(Fact):
    """Snapshots are no longer expected; ``reason`` and ``losses`` are set when an operator acknowledged it."""

    why: str
    snapshot_ids: Annotated[tuple[str, ...], Stored("snapshots")]
    reason: Annotated[str | None, OPTIONAL] = None
    losses: Annotated[tuple[RecordedFinding, ...] | None, OPTIONAL] = None


@dataclass(frozen=True)
class NewRepository(Fact):
    """A new repository begins: the number of known snapshots before, and the newest of them."""

    reason: str
    snapshot_count: Annotated[int, Stored("snapshots")]
    newest_snapshot_id: Annotated[str | None, Stored("newest")] = None
