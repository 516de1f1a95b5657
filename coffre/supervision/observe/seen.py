"""What looks saw, as values that the records keep between two passes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, TypeVar

from coffre.findings import Finding, FindingKind
from coffre.observation.judge.filling import MachineStore
from coffre.observation.judge.sizes import Jump
from coffre.records.database.supervision import Watched
from coffre.records.details import OPTIONAL, from_details, to_details
from coffre.records.facts.fact import RecordedFinding
from coffre.supervision.judge.metering import Metered
from coffre.supervision.judge.quota import Peak, Use, add_up

T = TypeVar("T")

KEPT_USES = 12
"""So many looks at the use of a tenant are kept: an hour at one every five minutes."""


@dataclass(frozen=True)
class SeenMachine:
    """What the last whole look at a machine's bucket saw; None means unknown.

    ``runs`` are its last runs (`runs.pack_runs`). ``surplus_bytes`` is what all versions had more than the current ones
    when the versions were last listed, ``overwritten`` how many objects had versions of different content then.

    ``jumps`` are the paths of the plan that gave far more or less, up to the report ``jumps_number``.

    Of a machine without a bucket only the agent's words are known: ``saved_days`` are the last days (of the tenant) of
    its successful runs, ``offline_since`` is set while the platform does not reach its agent.

    ``last_success_at`` and ``last_result`` are the agent's words, ``newest_snapshot_at`` is what storage has,
    ``known_since`` the first look. ``first_backup_at`` is when the first backup of its repository was seen,
    ``drilled_at`` its last drill.
    """

    looked_whole_at: datetime
    current_bytes: int
    repository_bytes: int
    stored_bytes: int
    objects: int
    last_result: str | None = None
    last_success_at: datetime | None = None
    newest_snapshot_at: datetime | None = None
    witnesses_agree: bool | None = None
    is_stopped: bool = False
    findings: tuple[RecordedFinding, ...] = ()
    runs: Annotated[str, OPTIONAL] = ""
    surplus_bytes: Annotated[int, OPTIONAL] = 0
    overwritten: Annotated[int, OPTIONAL] = 0
    overwritten_key: Annotated[str | None, OPTIONAL] = None
    overwritten_at: Annotated[datetime | None, OPTIONAL] = None
    known_since: Annotated[datetime | None, OPTIONAL] = None
    jumps: Annotated[tuple[Jump, ...], OPTIONAL] = ()
    jumps_number: Annotated[int, OPTIONAL] = 0
    first_backup_at: Annotated[datetime | None, OPTIONAL] = None
    drilled_at: Annotated[datetime | None, OPTIONAL] = None
    saved_days: Annotated[tuple[date, ...], OPTIONAL] = ()
    offline_since: Annotated[datetime | None, OPTIONAL] = None

    def store(self, machine: str) -> MachineStore:
        """Return the content of the bucket, for the judgement of the gate."""
        return MachineStore(machine, self.current_bytes, self.repository_bytes, self.stored_bytes, self.objects)


@dataclass(frozen=True)
class SeenGhost:
    """A finding of the daily look for what nobody declared or needs; ``machine`` is empty for the whole tenant."""

    machine: str
    finding: RecordedFinding


@dataclass(frozen=True)
class SeenPart:
    """What a platform that counts use itself told of a tenant; ``used_bytes`` is None when it gave no figure."""

    platform: str
    at: datetime
    used_bytes: int | None
    findings: tuple[SeenGhost, ...] = ()


@dataclass(frozen=True)
class SeenTenant:
    """What the last looks saw of a tenant as a whole; ``findings`` are those of its whole look.

    ``uses`` are those of its buckets, ``parts`` what other platforms told; ``unknown`` are the platforms of parts that
    did not answer.

    ``next_look_at`` is before when nobody need look again at a tenant of a platform without marks of what was written.
    ``ghosts`` are those of the look for what nobody declared or needs, at ``ghosts_at``.

    ``event_id`` is the newest event of the tenant then: what a person said or a command did since may change what the
    same content of a bucket means.
    """

    looked_whole_at: datetime
    event_id: int = 0
    uses: tuple[Use, ...] = ()
    findings: tuple[RecordedFinding, ...] = ()
    peak: Peak | None = None
    metered: Metered | None = None
    ghosts: Annotated[tuple[SeenGhost, ...], OPTIONAL] = ()
    ghosts_at: Annotated[datetime | None, OPTIONAL] = None
    next_look_at: Annotated[datetime | None, OPTIONAL] = None
    parts: Annotated[tuple[SeenPart, ...], OPTIONAL] = ()
    unknown: Annotated[tuple[str, ...], OPTIONAL] = ()

    def with_use(self, use: Use) -> tuple[Use, ...]:
        """Return the kept uses with another one."""
        return (*self.uses, use)[-KEPT_USES:]

    def find_part(self, platform: str) -> SeenPart | None:
        """Return what a platform told the last time."""
        return next((each for each in self.parts if each.platform == platform), None)

    @property
    def use(self) -> Use | None:
        """The use of the whole tenant at the last look; None before the first one."""
        if not self.uses:
            return None
        figures = [*(each.used_bytes for each in self.parts), *(None for _ in self.unknown)]
        return add_up(self.uses[-1], figures)


def record_findings(findings: Sequence[Finding]) -> tuple[RecordedFinding, ...]:
    """Return findings as they are kept."""
    return tuple(RecordedFinding(each.kind.value, dict(each.evidence)) for each in findings)


def recall_findings(machine: str | None, recorded: Sequence[RecordedFinding]) -> list[Finding]:
    """Return kept findings as a look gave them."""
    return [Finding(FindingKind(each.kind), machine, _evidence(each.evidence)) for each in recorded]


def record_ghosts(findings: Sequence[Finding]) -> tuple[SeenGhost, ...]:
    """Return findings with their machines as they are kept."""
    return tuple(SeenGhost(each.machine or "", *record_findings([each])) for each in findings)


def recall_ghosts(recorded: Sequence[SeenGhost]) -> list[Finding]:
    """Return kept findings with their machines as a look gave them."""
    return [found for each in recorded for found in recall_findings(each.machine or None, [each.finding])]


def _evidence(kept: Mapping[str, object]) -> dict[str, str | int | None]:
    return {name: value if isinstance(value, str | int) else None for name, value in kept.items()}


def remember_machine(looked_at: datetime, mark: str | None, seen: SeenMachine) -> Watched:
    """Return what was seen of a machine as the records keep it."""
    return Watched(looked_at, mark, to_details(seen))


def recall_machine(watched: Watched | None) -> SeenMachine | None:
    """Return what was seen of a machine; None when nothing was, or an earlier version of Coffre kept it."""
    return None if watched is None else _recall(SeenMachine, watched)


def remember_tenant(looked_at: datetime, seen: SeenTenant) -> Watched:
    """Return what was seen of a whole tenant as the records keep it."""
    return Watched(looked_at, None, to_details(seen))


def recall_tenant(watched: Watched | None) -> SeenTenant | None:
    """Return what was seen of a whole tenant, like `recall_machine`."""
    return None if watched is None else _recall(SeenTenant, watched)


def _recall(kind: type[T], watched: Watched) -> T | None:
    try:
        return from_details(kind, watched.seen)
    except (KeyError, TypeError, ValueError):
        return None  # it is only a memory: the next look is a whole one
