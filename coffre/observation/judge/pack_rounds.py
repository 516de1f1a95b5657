"""The rules for reading every pack of a repository in turn: how far each run reads, when a round is late. Pure.

A pack's name is the SHA-256 of its content, so reading and hashing it proves that it is, byte for byte, what the
machine uploaded: no password is needed, and no customer data is decrypted. Packs are read in the order of their
names, which are spread evenly like all hashes: the position of a name between 000… and fff… is that of the round.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from coffre.records.facts.backups import PackFault

_POSITION_DIGITS = 8

LEAST_BYTES = 1024**3
"""The minimum that each run reads, if there is as much: a small repository is read completely by every run."""
MAX_NAMED = 100
"""How many damaged packs are named and recorded; the others are only counted."""


READ_FAULTS = (PackFault.ALTERED, PackFault.UNREADABLE)
"""Faults that only a read finds, and only another read clears; every check of the structure finds the others again."""


@dataclass(frozen=True)
class DamagedPack:
    """One pack whose content has changed or is lost; ``name`` is 64 hexadecimal digits."""

    name: str
    fault: PackFault


@dataclass(frozen=True)
class Round:
    """One read of every pack, over many runs; ``last_pack`` is the last one read, empty at the beginning."""

    started_at: datetime
    last_pack: str = ""
    packs: int = 0
    read_bytes: int = 0
    damaged: Mapping[str, PackFault] = field(default_factory=dict)
    """The packs found altered in this round or before it, by name, and not read as intact since."""

    @property
    def position(self) -> float:
        return position_of(self.last_pack) if self.last_pack else 0.0


@dataclass(frozen=True)
class Bounds:
    """The period in which every pack must be read, and the maximum of one run per machine, in bytes and seconds."""

    period: timedelta
    limit_bytes: int
    limit_seconds: float


def position_of(pack: str) -> float:
    """Return the position of a pack's name between the first name and the last, 0 to 1."""
    return float(int(pack[:_POSITION_DIGITS], 16)) / float(16**_POSITION_DIGITS)


def wanted_position(round_: Round, now: datetime, period: timedelta) -> float:
    """Return the position where this run ends: one day's share further, or the position due now if that is further.

    With one run per day, a round ends within the period; the next run makes up for a missed one. More runs end it
    sooner.
    """
    share = timedelta(days=1) / period
    due = (now - round_.started_at) / period + share
    return min(1.0, max(round_.position + share, due))


def is_late(last_full_started_at: datetime | None, expected_since: datetime | None, now: datetime, days: int) -> bool:
    """Tell whether packs went unread for longer than the period; a full round reads all packs that exist at its start.

    The time starts at the beginning of the last full round, or when there is something to read: two reads of one pack
    are at most twice the period apart.
    """
    since = last_full_started_at or expected_since
    return since is not None and now - since > timedelta(days=2 * days)


def name_damaged(damaged: Mapping[str, PackFault]) -> Sequence[DamagedPack]:
    """Return damaged packs in the order of their names, at most `MAX_NAMED`."""
    return [DamagedPack(name, damaged[name]) for name in sorted(damaged)[:MAX_NAMED]]
