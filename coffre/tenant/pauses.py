"""Pauses: times in which a person said that nobody expects a backup, in the records and not in the tenant file."""

from coffre.errors import RefusedError, UsageError
from coffre.records.facts.supervision import Pause, PauseDeclared, PauseEnded, PauseWord, read_pauses
from coffre.tenant.estate.log import Log
from coffre.workspace.clock import utc_now

_WORDS: tuple[type[PauseWord], ...] = (PauseDeclared, PauseEnded)


def find_pauses(log: Log, machine: str) -> tuple[Pause, ...]:
    """Return the pauses of a machine, those of the whole tenant included."""
    words = log.list(_WORDS)
    of_tenant = read_pauses([(each.at, each.fact) for each in words if each.machine is None])
    own = read_pauses([(each.at, each.fact) for each in words if each.machine == machine])
    return (*of_tenant, *own)


def declare_pause(log: Log, machine: str | None, pause: PauseDeclared) -> None:
    """Record that nobody expects a backup of a machine, or of any (None), until a time; UsageError for a past one."""
    if pause.until <= utc_now():
        raise UsageError(
            f"{pause.until:%Y-%m-%d} is not in the future", "Name the first day of backups after the pause."
        )
    log.append(pause, machine)


def end_pause(log: Log, machine: str | None, reason: str) -> None:
    """End a pause before its time; RefusedError when there is none of that machine, or of the whole tenant."""
    last = next((each for each in reversed(log.list(_WORDS)) if each.machine == machine), None)
    if last is None or not isinstance(last.fact, PauseDeclared) or last.fact.until <= utc_now():
        whose = "of the whole tenant" if machine is None else f"of {machine}"
        raise RefusedError(
            f"{log.slug} has no pause {whose} that goes on", "`coffre records list` shows the declared ones."
        )
    log.append(PauseEnded(reason), machine)
