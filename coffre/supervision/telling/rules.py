"""The rules of telling: at once or in the daily digest, how often about one thing, when to try again. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from coffre.findings import Finding, FindingKind
from coffre.records.messages import Message
from coffre.storage.surroundings import AlertSeverity
from coffre.supervision.findings.standing import Consequence, Severity, find_standing

STORM = 5
"""More messages than this for a channel at a time are one message."""
HOLD_OFF = timedelta(hours=1)
"""The begin of one thing is told again after this time at the earliest; each time within a day doubles it."""
FLAPPING_WINDOW = timedelta(days=1)
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=1)
GIVE_UP_AFTER = timedelta(days=3)
UNKNOWN_RESULTS = 3
"""After so many attempts without a result a message is given up: each of them may have arrived."""
FAILING_AFTER = timedelta(hours=1)
"""A channel that takes nothing for so long is a finding."""

_URGENT_PERCENT = 90
_URGENT_KINDS = frozenset(
    {FindingKind.BACKUP_MISSED, FindingKind.CUSTOMER_NOT_TOLD, FindingKind.CHANNEL_FAILING, FindingKind.OTHER_MACHINE}
)
_URGENT_ALERTS = frozenset({AlertSeverity.CRITICAL.value, AlertSeverity.ERROR.value})
"""Alerts of a vendor that are told at once, by its own categories."""
_URGENT_CONSEQUENCES = frozenset(
    {
        Consequence.BACKUPS_STOP,
        Consequence.RESTORE_MAY_FAIL,
        Consequence.DELETED_BACKUP,
        Consequence.FOREIGN_ACCESS,
        Consequence.SERVICE_LEVEL,
    }
)


def is_urgent(finding: Finding) -> bool:
    """Tell whether a finding is told at once; any other waits for the daily digest, like a workstation that is off."""
    standing = find_standing(finding)
    if finding.kind is FindingKind.QUOTA_NEAR:
        percent = finding.evidence.get("percent")
        return isinstance(percent, int) and percent >= _URGENT_PERCENT
    if finding.kind is FindingKind.VENDOR_ALERT:
        return finding.evidence.get("severity") in _URGENT_ALERTS
    if finding.kind in _URGENT_KINDS or standing.severity in (Severity.CRITICAL, Severity.MAJOR):
        return True
    return standing.severity is not Severity.MINOR and standing.consequence in _URGENT_CONSEQUENCES


def next_digest(now: datetime, at: time, timezone: str) -> datetime:
    """Return when the next daily digest is due, after now."""
    zone = ZoneInfo(timezone)
    today = now.astimezone(zone).date()
    days = (today, today + timedelta(days=1))
    return next(due for day in days if (due := datetime.combine(day, at, zone).astimezone(now.tzinfo)) > now)


def first_moment(now: datetime, begins: Sequence[datetime]) -> datetime:
    """Return when a begin may be told, after the times at which begins of the same thing were told.

    What opens and closes again and again is told after 1 hour, then 2, 4, 8: if it still holds then.
    """
    recent = sorted(each for each in begins if now - each < FLAPPING_WINDOW)
    if not recent:
        return now
    wait = min(HOLD_OFF * (1 << min(len(recent) - 1, 16)), FLAPPING_WINDOW)
    return max(now, recent[-1] + wait)


def pause_after(attempts: int) -> timedelta:
    """Return how long to wait after so many attempts that failed: 1, 2, 4 … minutes, at most 1 hour."""
    return min(FIRST_PAUSE * (1 << min(attempts - 1, 16)), LONGEST_PAUSE)


def is_given_up(message: Message, now: datetime) -> bool:
    """Tell whether a message is not tried again: nobody took it for days, or it may have arrived several times."""
    if message.is_maybe_sent:
        return message.attempts >= UNKNOWN_RESULTS and now >= message.not_before
    return message.error is not None and now - message.created_at >= GIVE_UP_AFTER


@dataclass(frozen=True)
class Batch:
    """Messages that go out together, as one."""

    messages: tuple[Message, ...]
    is_digest: bool = False

    @property
    def ids(self) -> list[int]:
        return [each.id for each in self.messages if each.id is not None]


def gather(due: Sequence[Message]) -> Iterator[Batch]:
    """Yield what goes to one channel now: each message by itself, a storm as one, and the digest as one."""
    at_once = [each for each in due if not each.is_digest]
    if len(at_once) > STORM:
        yield Batch(tuple(at_once), is_digest=True)
    else:
        yield from (Batch((each,)) for each in at_once)
    if digest := [each for each in due if each.is_digest]:
        yield Batch(tuple(digest), is_digest=True)
