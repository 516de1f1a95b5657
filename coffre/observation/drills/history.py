"""What the records tell of a machine's drills, and when the next one is due."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from coffre.observation.drills.judge import DrillDuty, PastDrill
from coffre.observation.judge.duty import Duty
from coffre.records.facts.backups import Drilled
from coffre.records.memory import Memory
from coffre.spec.platform import Drills
from coffre.spec.tenant import Option, Tenant
from coffre.tenant.estate.log import Log


@dataclass(frozen=True)
class DrillHistory:
    """The drills of a machine's present repository, in their order, and when its first backup was seen."""

    drills: Sequence[PastDrill]
    first_backup_at: datetime | None

    @property
    def last_at(self) -> datetime | None:
        """When the last drill ended that was not one of the second copy."""
        return None if self._last is None else self._last.at

    @property
    def is_last_failed(self) -> bool:
        """Whether that drill failed."""
        return self._last is not None and not self._last.fact.is_passed

    @property
    def _last(self) -> PastDrill | None:
        return next((each for each in reversed(self.drills) if each.fact.copied_to is None), None)


def read_history(log: Log, machine: str, memory: Memory) -> DrillHistory:
    """Return the drills of a machine; ``memory`` is that of its repository."""
    drills = [PastDrill(each.at, each.fact) for each in log.list(Drilled, machine, memory.begun_at)]
    return DrillHistory(drills, _find_first_backup(memory))


def _find_first_backup(memory: Memory) -> datetime | None:
    """Return when the first backup of the present repository was seen; one that another machine made is none."""
    begun_at = memory.begun_at
    return min(
        (
            each.seen_at
            for each in memory.snapshots.values()
            if not memory.is_of_other(each) and (begun_at is None or each.seen_at >= begun_at)
        ),
        default=None,
    )


def find_drill_duty(
    tenant: Tenant,
    settings: Drills,
    duty: Duty,
    first_backup_at: datetime | None,
    last_at: datetime | None,
    *,
    is_last_failed: bool = False,
) -> DrillDuty | None:
    """Return when a machine must be drilled; None for a tenant without the option restore_tests.

    ``duty`` is that of its backups. A failed drill is due again sooner, but not overdue sooner.
    """
    if Option.RESTORE_TESTS not in tenant.options:
        return None
    return DrillDuty(
        machine=duty.machine,
        timezone=tenant.timezone,
        interval_days=settings.interval_days if tenant.drills is None else tenant.drills.interval_days,
        grace_days=settings.grace_days,
        since=duty.since,
        first_backup_at=first_backup_at,
        last_at=last_at,
        is_last_failed=is_last_failed,
        pauses=tuple(duty.pauses),
    )
