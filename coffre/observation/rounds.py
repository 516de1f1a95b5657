"""How far verifying is, in the records: the round under way, the last full one, and what was found damaged."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from coffre.observation.judge.pack_rounds import READ_FAULTS, PackFault, Round, name_damaged
from coffre.records.events import Event, EventKind
from coffre.tenant.service import Service

MAX_TEXT = 300


@dataclass(frozen=True)
class Found:
    """How far the round is, and what is known to be damaged: read in this round or before it, or named by the check."""

    round: Round
    lost: Mapping[str, PackFault]
    problem: str

    @property
    def damaged(self) -> dict[str, PackFault]:
        return {**self.round.damaged, **self.lost}


@dataclass(frozen=True)
class VerificationStatus:
    """What the records say of verifying one machine; None and 0 where nothing was read yet.

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


def find_round(service: Service, machine: str) -> Round | None:
    """Return the round under way; None before the first. One that has ended goes on as a new one's beginning: None."""
    last = _find_last(service, EventKind.VERIFICATION, machine)
    if last is None:
        return None
    damaged = {str(each["pack"]): PackFault(str(each["fault"])) for each in _damaged(last)}
    altered = {pack: fault for pack, fault in damaged.items() if fault in READ_FAULTS}
    details = last.details
    if details["is_complete"]:
        return Round(last.at, damaged=altered) if altered else None
    return Round(
        datetime.fromisoformat(str(details["round_started_at"])),
        str(details["last_pack"]),
        int(str(details["packs"])),
        int(str(details["read_bytes"])),
        altered,
    )


def record_run(service: Service, machine: str, found: Found, *, is_complete: bool) -> datetime | None:
    """Note how far a run is and what it found, and the end of a full round; returns when the last full round ended."""
    event = service.record(EventKind.VERIFICATION, machine, **_details(found, is_complete=is_complete))
    if is_complete:
        service.record(
            EventKind.VERIFICATION_ROUND,
            machine,
            round_started_at=found.round.started_at.isoformat(),
            packs=found.round.packs,
            read_bytes=found.round.read_bytes,
            damaged_count=len(found.damaged),
        )
        return event.at
    last = _find_last(service, EventKind.VERIFICATION_ROUND, machine)
    return None if last is None else last.at


def find_status(service: Service, machine: str) -> VerificationStatus | None:
    """Return what is known of verifying a machine; None when it was never done."""
    last = _find_last(service, EventKind.VERIFICATION, machine)
    if last is None:
        return None
    full = _find_last(service, EventKind.VERIFICATION_ROUND, machine)
    named = _damaged(last)
    return VerificationStatus(
        last_full_round_at=None if full is None else full.at,
        last_full_round_started_at=(
            None if full is None else datetime.fromisoformat(str(full.details["round_started_at"]))
        ),
        position=float(str(last.details["position"])),
        damaged_count=int(str(last.details["damaged_count"])),
        damaged_pack=str(named[0]["pack"]) if named else None,
        problem=str(last.details["problem"]),
        looked_at=last.at,
    )


def _details(found: Found, *, is_complete: bool) -> dict[str, object]:
    return {
        "round_started_at": found.round.started_at.isoformat(),
        "last_pack": found.round.last_pack,
        "packs": found.round.packs,
        "read_bytes": found.round.read_bytes,
        "position": 1.0 if is_complete else round(found.round.position, 4),
        "is_complete": is_complete,
        "damaged": [{"pack": each.name, "fault": each.fault.value} for each in name_damaged(found.damaged)],
        "damaged_count": len(found.damaged),
        "problem": found.problem[:MAX_TEXT],
    }


def _damaged(event: Event) -> list[dict[str, object]]:
    found = event.details["damaged"]
    return found if isinstance(found, list) else []


def _find_last(service: Service, kind: EventKind, machine: str) -> Event | None:
    records = service.find_records()
    return None if records is None else records.find_last(service.tenant.id, kind, machine)
