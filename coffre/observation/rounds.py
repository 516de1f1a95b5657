"""The recorded progress of verification: the round in progress, the last full one, and the damage found."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from coffre.observation.judge.pack_rounds import READ_FAULTS, Round, name_damaged
from coffre.records.facts.backups import PackDamage, PackFault, VerificationRound, VerificationRun
from coffre.tenant.estate.log import Log

MAX_TEXT = 300


@dataclass(frozen=True)
class RoundState:
    """The position of the round, and the known damage: read in this round or before it, or named by the check."""

    round: Round
    lost: Mapping[str, PackFault]
    problem: str

    @property
    def damaged(self) -> dict[str, PackFault]:
        return {**self.round.damaged, **self.lost}


@dataclass(frozen=True)
class VerificationStatus:
    """The recorded verification of one machine; None and 0 where nothing was read yet.

    Every pack that was there at ``last_full_round_started_at`` was read between then and ``last_full_round_at``.
    """

    last_full_round_at: datetime | None = None
    last_full_round_started_at: datetime | None = None
    position: float = 0.0
    damaged_count: int = 0
    damaged_pack: str | None = None
    problem: str = ""
    looked_at: datetime | None = None
    is_late: bool = False


def find_round(log: Log, machine: str) -> Round | None:
    """Return the round in progress, or after a full one a new one with its altered packs; None if there is neither."""
    last = log.last(VerificationRun, machine)
    if last is None:
        return None
    run = last.fact
    altered = {each.pack: each.fault for each in run.damaged if each.fault in READ_FAULTS}
    if run.is_complete:
        return Round(last.at, damaged=altered) if altered else None
    return Round(run.round_started_at, run.last_pack, run.pack_count, run.read_bytes, altered)


def record_run(log: Log, machine: str, found: RoundState, *, is_complete: bool) -> datetime | None:
    """Record a run's position and findings, and the end of a full round; returns when the last full round ended."""
    ended = log.append(describe_run(found, is_complete=is_complete), machine)
    if is_complete:
        full = VerificationRound(
            round_started_at=found.round.started_at,
            pack_count=found.round.packs,
            read_bytes=found.round.read_bytes,
            damaged_count=len(found.damaged),
        )
        log.append(full, machine)
        return ended.at
    last = log.last(VerificationRound, machine)
    return None if last is None else last.at


def find_status(log: Log, machine: str) -> VerificationStatus | None:
    """Return the verification status of a machine; None when it was never verified."""
    last = log.last(VerificationRun, machine)
    if last is None:
        return None
    full, run = log.last(VerificationRound, machine), last.fact
    return VerificationStatus(
        last_full_round_at=None if full is None else full.at,
        last_full_round_started_at=None if full is None else full.fact.round_started_at,
        position=run.position,
        damaged_count=run.damaged_count,
        damaged_pack=run.damaged[0].pack if run.damaged else None,
        problem=run.problem,
        looked_at=last.at,
    )


def describe_run(found: RoundState, *, is_complete: bool) -> VerificationRun:
    """Return a run's position and findings in the form of a record. Pure."""
    return VerificationRun(
        round_started_at=found.round.started_at,
        last_pack=found.round.last_pack,
        pack_count=found.round.packs,
        read_bytes=found.round.read_bytes,
        position=1.0 if is_complete else round(found.round.position, 4),
        is_complete=is_complete,
        damaged=tuple(PackDamage(each.name, each.fault) for each in name_damaged(found.damaged)),
        damaged_count=len(found.damaged),
        problem=found.problem[:MAX_TEXT],
    )
