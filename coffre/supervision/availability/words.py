"""What a person says about the availability of a platform; recorded, with who said it and why."""

from dataclasses import dataclass
from datetime import datetime

from coffre.errors import RefusedError, UsageError
from coffre.records.actor import Author
from coffre.records.database.store import Records
from coffre.records.events import Event
from coffre.records.facts.availability import (
    ChangeWindowDeclared,
    ExclusionCause,
    ExclusionRevoked,
    TimeExcluded,
)
from coffre.records.facts.fact import Fact
from coffre.records.facts.registry import kind_of, write_fact
from coffre.records.kept_findings import NO_TENANT
from coffre.spec.maintenance import LONGEST
from coffre.supervision.availability.known import list_exclusions
from coffre.tenant.estate.log import Log


@dataclass(frozen=True)
class PastTime:
    """A time of a platform that has passed, about which somebody decides."""

    platform: str
    begins_at: datetime
    ends_at: datetime

    def check(self, now: datetime) -> None:
        """Raise UsageError when the time is none, or has not passed."""
        if self.ends_at <= self.begins_at:
            raise UsageError("the end is not after the begin", "Check both times.")
        if self.ends_at > now:
            raise UsageError(
                f"{self.ends_at:%Y-%m-%d %H:%M} UTC has not passed",
                "A decision is about what happened. What is to come is a maintenance: `maintenance:` in platform.yaml.",
            )


def exclude(
    records: Records, time: PastTime, cause: ExclusionCause, reason: str, author: Author, now: datetime
) -> None:
    """Record the decision that a past time does not count (article 15)."""
    time.check(now)
    fact = TimeExcluded(time.platform, time.begins_at, time.ends_at, reason, cause)
    records.append(event_of(NO_TENANT, NO_TENANT, fact, author, now))


def revoke(records: Records, time: PastTime, reason: str, author: Author, now: datetime) -> None:
    """Record that such a decision was a mistake; RefusedError when there is none about exactly this time."""
    known = {(each.platform, each.begins_at, each.ends_at) for each in list_exclusions(records)}
    if (time.platform, time.begins_at, time.ends_at) not in known:
        raise RefusedError(
            "no decision excludes exactly this time", "`coffre sla --json` shows the decisions with their times."
        )
    fact = ExclusionRevoked(time.platform, time.begins_at, time.ends_at, reason)
    records.append(event_of(NO_TENANT, NO_TENANT, fact, author, now))


def declare_change(log: Log, window: ChangeWindowDeclared, now: datetime) -> None:
    """Record a window for a change that the customer asked for; UsageError when it has begun, or is too long."""
    if window.ends_at <= window.begins_at:
        raise UsageError("the end is not after the begin", "Check both times.")
    if window.ends_at - window.begins_at > LONGEST:
        raise UsageError("the window is longer than 72 hours", "Declare two windows.")
    if window.begins_at <= now:
        raise UsageError(
            f"{window.begins_at:%Y-%m-%d %H:%M} UTC has passed",
            "A window is declared before it begins; an outage that came first counts.",
        )
    log.append(window)


def event_of(tenant_id: str, slug: str, fact: Fact, author: Author, now: datetime) -> Event:
    """Return the event of a fact that a person states now."""
    return Event(tenant_id, slug, kind_of(type(fact)), now, author.actor, author.commit, details=write_fact(fact))
