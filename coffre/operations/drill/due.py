"""Drills on schedule: which machines are due, in which order, and one drill after the other within bounds.

What was drilled stands in the records at once, so a run that is killed loses nothing: the next one asks them again.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from coffre.agents.kinds import with_repository
from coffre.errors import BusyError, ExpectedError
from coffre.observation.drills.history import find_drill_duty, read_history
from coffre.observation.drills.judge import DrillDuty, find_due, find_planned
from coffre.observation.duty import find_duty
from coffre.operations.drill.drill import Drill
from coffre.spec.access import find_reason
from coffre.spec.platform import Drills
from coffre.spec.tenant import Option, Tenant
from coffre.tenant.departure import has_service_ended
from coffre.tenant.estate.log import TenantLog
from coffre.tenant.holds import list_recorded, under_recorded


class Skipped(StrEnum):
    """Why a machine is not drilled although its drill is due."""

    PAUSED = "paused"
    """A person declared a pause."""
    SUSPENDED = "suspended"
    HELD = "hold"
    """A hold blocks every access."""
    BUSY = "busy"
    """It is pruned now."""


@dataclass(frozen=True)
class DueMachine:
    """A machine whose drill is due since a time; with ``skipped`` it is not drilled."""

    slug: str
    machine: str
    due_at: datetime
    skipped: Skipped | None = None


@dataclass(frozen=True)
class Bounds:
    """How many drills a run makes at most (None: any number), and until when it begins one."""

    at_most: int | None
    until: datetime


class DueOutcome(StrEnum):
    """What became of a machine whose drill was due."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_DRILLED = "not_drilled"
    """It could not be drilled: `problem` says why."""
    SKIPPED = "skipped"
    NO_LONGER_DUE = "no_longer_due"
    """Somebody drilled it since the run began, or it left the service."""


@dataclass(frozen=True)
class DueResult:
    """What became of one machine whose drill was due; ``drill`` is None when there was none."""

    tenant: str
    machine: str
    due_at: datetime
    outcome: DueOutcome
    drill: Drill | None = None
    skipped: Skipped | None = None
    problem: str = ""
    hint: str = field(default="", repr=False)


def list_due(
    tenants: Mapping[str, Tenant], settings: Drills, read_log: Callable[[Tenant], TenantLog], now: datetime
) -> list[DueMachine]:
    """Return the machines whose drill is due, the one that waits longest first, by the records alone."""
    found = [
        each
        for tenant in tenants.values()
        if Option.RESTORE_TESTS in tenant.options
        for each in _list_of_tenant(tenant, settings, read_log(tenant), now)
    ]
    return sorted(found, key=lambda each: (each.due_at, each.slug, each.machine))


def find_due_machine(
    tenant: Tenant, settings: Drills, log: TenantLog, machine: str, now: datetime
) -> DueMachine | None:
    """Return a machine whose drill is due; None when it is not, or its service has ended."""
    duty = _find_duty(tenant, settings, log, machine)
    if duty is None or has_service_ended(log):
        return None
    planned, reason, pause = find_planned(duty), find_reason(tenant), duty.find_pause(now)
    if planned is None or planned > now:
        return None
    if reason is not None:
        return DueMachine(tenant.slug, machine, planned, Skipped(reason))
    if pause is not None:
        return DueMachine(tenant.slug, machine, planned, Skipped.PAUSED)
    due_at = find_due(duty)
    return None if due_at is None or due_at > now else DueMachine(tenant.slug, machine, due_at)


def _list_of_tenant(tenant: Tenant, settings: Drills, log: TenantLog, now: datetime) -> Iterator[DueMachine]:
    held = under_recorded(tenant, list_recorded(log))
    for machine in with_repository(tenant.active_machines()):
        found = find_due_machine(held, settings, log, machine, now)
        if found is not None:
            yield found


def _find_duty(tenant: Tenant, settings: Drills, log: TenantLog, machine: str) -> DrillDuty | None:
    history = read_history(log, machine, log.recall(machine))
    return find_drill_duty(
        tenant,
        settings,
        find_duty(tenant, log, machine),
        history.first_backup_at,
        history.last_at,
        is_last_failed=history.is_last_failed,
    )


def drill_due(
    due: Sequence[DueMachine],
    bounds: Bounds,
    run: Callable[[DueMachine], Drill | Skipped | None],
    clock: Callable[[], datetime],
    is_stopped: Callable[[], bool] = lambda: False,
) -> Iterator[DueResult]:
    """Drill machines in their order and yield what became of each; one that cannot be drilled keeps no other from it.

    ``run`` drills one machine, or says why not; None: it is no longer due. What the bounds leave out is due again in
    the next run. An error that nobody expected ends the run: what was drilled before is recorded.
    """
    begun = 0
    for each in due:
        if each.skipped is not None:
            yield DueResult(each.slug, each.machine, each.due_at, DueOutcome.SKIPPED, skipped=each.skipped)
            continue
        if is_stopped() or clock() >= bounds.until or (bounds.at_most is not None and begun >= bounds.at_most):
            return
        begun += 1
        yield _drill_one(each, run)


def _drill_one(each: DueMachine, run: Callable[[DueMachine], Drill | Skipped | None]) -> DueResult:
    try:
        done = run(each)
    except BusyError:
        return DueResult(each.slug, each.machine, each.due_at, DueOutcome.SKIPPED, skipped=Skipped.BUSY)
    except ExpectedError as problem:
        return DueResult(
            each.slug, each.machine, each.due_at, DueOutcome.NOT_DRILLED, problem=problem.message, hint=problem.hint
        )
    if done is None:
        return DueResult(each.slug, each.machine, each.due_at, DueOutcome.NO_LONGER_DUE)
    if isinstance(done, Skipped):
        return DueResult(each.slug, each.machine, each.due_at, DueOutcome.SKIPPED, skipped=done)
    outcome = DueOutcome.PASSED if done.is_passed else DueOutcome.FAILED
    return DueResult(each.slug, each.machine, each.due_at, outcome, drill=done)
