"""Frozen retentions: a machine under a suspected attack, of which nothing is removed until a person says so.

Whatever removes backups by a rule asks here first: `coffre prune`, and the expiry of the platform itself.
"""

from dataclasses import dataclass
from datetime import datetime

from coffre.errors import RefusedError
from coffre.records.facts.supervision import RetentionFrozen, RetentionReleased, RetentionWord
from coffre.tenant.estate.log import Log, RecordedFact

_WORDS: tuple[type[RetentionWord], ...] = (RetentionFrozen, RetentionReleased)


@dataclass(frozen=True)
class Freeze:
    """A retention that is frozen now: since when, by whom, and why."""

    machine: str
    since: datetime
    actor: str
    fact: RetentionFrozen


def find_freeze(log: Log, machine: str) -> Freeze | None:
    """Return why the retention of a machine is frozen now; None when it is not."""
    last = log.last(_WORDS, machine)
    return None if last is None else _freeze_of(last)


def list_freezes(log: Log) -> dict[str, Freeze]:
    """Return the retentions that are frozen now, by machine."""
    newest = {each.machine: each for each in log.list(_WORDS)}
    found = [_freeze_of(each) for each in newest.values()]
    return {each.machine: each for each in found if each is not None}


def find_release(log: Log, machine: str) -> datetime | None:
    """Return when a person last released the retention of a machine: what was seen before was looked at."""
    last = log.last(RetentionReleased, machine)
    return None if last is None else last.at


def freeze_retention(log: Log, machine: str, fact: RetentionFrozen) -> Freeze:
    """Record that a machine's retention is frozen: in force from now on for every command. May run twice."""
    known = find_freeze(log, machine)
    if known is not None:
        return known
    recorded = log.append(fact, machine)
    return Freeze(machine, recorded.at, recorded.actor, fact)


def release_retention(log: Log, machine: str, reason: str) -> None:
    """Record that a person released a machine's retention; RefusedError when it is not frozen."""
    if find_freeze(log, machine) is None:
        raise RefusedError(
            f"{log.slug}: the retention of {machine} is not frozen", "`coffre brake list` shows those that are."
        )
    log.append(RetentionReleased(reason), machine)


def _freeze_of(last: RecordedFact[RetentionWord]) -> Freeze | None:
    if not isinstance(last.fact, RetentionFrozen) or last.machine is None:
        return None
    return Freeze(last.machine, last.at, last.actor, last.fact)
