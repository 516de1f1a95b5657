"""The rules of reading every pack of a repository in turn: how far each run goes, and when a round is late. Pure.

A pack's name is the SHA-256 of its content, so reading it and hashing it proves that it is, byte for byte, what the
machine uploaded: no password is needed, and nothing of the customer's is decrypted. Packs are read in the order of
their names, which as hashes are spread evenly: how far a name is on the way from 000… to fff… is how far the round is.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from coffre.records.facts.backups import PackFault

DATA_PREFIX = "restic/data/"
_PACK = re.compile(r"restic/data/([0-9a-f]{2})/(\1[0-9a-f]{62})")
_POSITION_DIGITS = 8

LEAST_BYTES = 1024**3
"""So much is read each time when there is so much: a small repository is read whole, whenever somebody asks."""
MAX_NAMED = 100
"""How many damaged packs are named and kept in a record; the rest is counted."""


READ_FAULTS = (PackFault.ALTERED, PackFault.UNREADABLE)
"""What reading finds, and only reading again takes back; the rest each check of the structure finds anew."""


@dataclass(frozen=True)
class DamagedPack:
    """One pack that is not what it was; ``name`` is 64 hexadecimal digits."""

    name: str
    fault: PackFault


@dataclass(frozen=True)
class Round:
    """One reading of every pack, over many runs; ``last_pack`` is the last one read, empty at the beginning."""

    started_at: datetime
    last_pack: str = ""
    packs: int = 0
    read_bytes: int = 0
    damaged: Mapping[str, PackFault] = field(default_factory=dict)
    """What was found altered in this round or before it, by name, and was not read as sound since."""

    @property
    def position(self) -> float:
        return position_of(self.last_pack) if self.last_pack else 0.0


@dataclass(frozen=True)
class Bounds:
    """The period in which all is to be read, and the most that one run reads of one machine, in bytes and seconds."""

    period: timedelta
    limit_bytes: int
    limit_seconds: float


def pack_of(key: str) -> str | None:
    """Return the name of the pack that an object holds; None for what is no pack of restic's shape."""
    match = _PACK.fullmatch(key)
    return match[2] if match else None


def key_of(pack: str) -> str:
    """Return the object that holds a pack."""
    return f"{DATA_PREFIX}{pack[:2]}/{pack}"


def position_of(pack: str) -> float:
    """Return how far a pack's name is on the way from the first name to the last, 0 to 1."""
    return float(int(pack[:_POSITION_DIGITS], 16)) / float(16**_POSITION_DIGITS)


def wanted_position(round_: Round, now: datetime, period: timedelta) -> float:
    """Return how far this run goes: a day's share on from where the round stands, or to where it should be by now.

    Run daily, a round ends within the period; a run that was left out is made up for by the next. More runs end it
    sooner.
    """
    share = timedelta(days=1) / period
    due = (now - round_.started_at) / period + share
    return min(1.0, max(round_.position + share, due))


def is_late(last_full_started_at: datetime | None, expected_since: datetime | None, now: datetime, days: int) -> bool:
    """Tell whether packs went unread for longer than the period: what was there at its beginning was read by its end.

    Counted from the beginning of the last full round, or since there is something to read: twice the period is the most
    that lies between two readings of one pack.
    """
    since = last_full_started_at or expected_since
    return since is not None and now - since > timedelta(days=2 * days)


def name_damaged(damaged: Mapping[str, PackFault]) -> Sequence[DamagedPack]:
    """Return damaged packs by name, as many as are named."""
    return [DamagedPack(name, damaged[name]) for name in sorted(damaged)[:MAX_NAMED]]
