"""What is wrong with a platform: it does not serve, its budget of outages is nearly used, nobody probes it. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from coffre.findings import Finding, FindingKind
from coffre.records.facts.availability import Maintenance
from coffre.records.probes import CLOSE, ProbeSpan
from coffre.supervision.judge.availability import Availability
from coffre.supervision.judge.outages import FAILURES, Outage, find_outages

UNPROBED_AFTER = timedelta(minutes=10)
"""A platform that was probed before and is not any more for so long is a finding."""
SPENT_PERCENT = (80, 100)
"""The parts of the yearly budget at which somebody must know."""


@dataclass(frozen=True)
class PassWord:
    """What a pass of supervision saw of a platform: whether it answered for a tenant, and for how many it did not.

    ``error`` is one of those answers.
    """

    has_answered: bool
    unseen_tenants: int = 0
    error: str | None = None


@dataclass(frozen=True)
class PlatformVerdict:
    """The findings about a platform; ``is_served``: somebody saw that it serves, so that an outage is over."""

    findings: Sequence[Finding]
    is_served: bool

    def reached(self, kind: str) -> bool:
        """Tell whether a finding of a kind that is not among these is over.

        An outage is over when somebody saw that the platform serves. What a maintenance excused is an incident of its
        own from the end of that maintenance on.
        """
        if kind == FindingKind.PLATFORM_IN_MAINTENANCE:
            return self.is_served or any(each.kind is FindingKind.PLATFORM_AWAY for each in self.findings)
        return self.is_served or kind != FindingKind.PLATFORM_AWAY


def judge_platform(
    spans: Sequence[ProbeSpan],
    maintenances: Sequence[Maintenance],
    year: Availability,
    seen: PassWord,
    now: datetime,
) -> PlatformVerdict:
    """Judge one platform by its probes (spans in their order), and by what a pass saw of it.

    An outage is one finding, whoever sees it: the pass, the probes, or both.
    """
    outage = next((each for each in find_outages(spans, now) if each.is_going_on), None)
    newest = max(spans, key=lambda each: each.ends_at, default=None)
    is_up = newest is not None and newest.is_up and now - newest.ends_at <= CLOSE
    is_away = outage is not None or seen.error is not None
    findings = [_away(outage, find_maintenance(maintenances, now), seen)] if is_away else []
    if newest is not None and now - newest.ends_at > UNPROBED_AFTER:
        findings.append(Finding(FindingKind.PROBES_MISSING, None, {"last_at": newest.ends_at.isoformat()}))
    elif (unknown := _find_unknown(spans)) and sum(each.probes for each in unknown) >= FAILURES:
        since = unknown[0].begins_at.isoformat()
        findings.append(Finding(FindingKind.PROBE_CANNOT_LOOK, None, {"since": since}))
    for percent in SPENT_PERCENT:
        if year.used_seconds * 100 >= year.budget_seconds * percent:
            evidence = {
                "year": year.year,
                "percent": percent,
                "used_seconds": year.used_seconds,
                "budget_seconds": year.budget_seconds,
            }
            findings.append(Finding(FindingKind.AVAILABILITY_SPENT, None, evidence))
    return PlatformVerdict(findings, outage is None and (seen.has_answered or is_up))


def _find_unknown(spans: Sequence[ProbeSpan]) -> list[ProbeSpan]:
    """Return the newest probes that say nothing, after the last one that does."""
    known = max((each.ends_at for each in spans if each.is_known), default=None)
    return [each for each in spans if not each.is_known and (known is None or each.begins_at > known)]


def _away(outage: Outage | None, maintenance: Maintenance | None, seen: PassWord) -> Finding:
    evidence = {
        "error": seen.error,
        "tenants": seen.unseen_tenants,
        "began_at": None if outage is None else outage.begins_at.isoformat(),
        "step": None if outage is None else outage.step,
        "fault": None if outage is None else outage.fault,
    }
    if maintenance is None:
        return Finding(FindingKind.PLATFORM_AWAY, None, evidence)
    until = maintenance.ends_at.isoformat()
    return Finding(FindingKind.PLATFORM_IN_MAINTENANCE, None, {**evidence, "maintenance_until": until})


def find_hanging(late: Mapping[str, Collection[str]], answered: Collection[str]) -> dict[str, list[str]]:
    """Return the platforms of which no look came to an end, with the tenants that waited for them.

    ``late`` are the tenants whose look ran out of time, with their platforms; ``answered`` the platforms that answered
    for another tenant. A single late tenant may have a fault of its own.
    """
    waited: dict[str, list[str]] = {}
    for slug, platforms in late.items():
        for platform in platforms:
            if platform not in answered:
                waited.setdefault(platform, []).append(slug)
    return {platform: slugs for platform, slugs in waited.items() if len(slugs) > 1}


def find_maintenance(maintenances: Sequence[Maintenance], now: datetime) -> Maintenance | None:
    """Return the maintenance that goes on, of those that were declared before they began."""
    return next((each for each in maintenances if each.is_beforehand and each.begins_at <= now < each.ends_at), None)
