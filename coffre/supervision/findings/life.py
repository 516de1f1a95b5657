"""The life of a finding: opened once, followed while it is seen, closed when somebody looked and it is gone. Pure."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from coffre.findings import Finding, FindingKind
from coffre.records.kept_findings import NO_TENANT, FindingPlace, KeptFinding

TELLS_APART: Mapping[FindingKind, tuple[str, ...]] = {
    FindingKind.REPORT_SET_ASIDE: ("fault", "field"),
    FindingKind.SNAPSHOT_TIME: ("fault",),
    FindingKind.APPLIED_SET_ASIDE: ("fault",),
    FindingKind.ORDERS_SET_ASIDE: ("fault",),
    FindingKind.GATE_SET_ASIDE: ("fault",),
    FindingKind.REPOSITORY_GONE: ("what",),
    FindingKind.COPY_GONE: ("what",),
    FindingKind.DRILL_FAILED: ("platform",),
    FindingKind.PATH_NOT_SAVED: ("path",),
    FindingKind.QUOTA_NEAR: ("percent",),
    FindingKind.BUCKET_NOT_DECLARED: ("bucket",),
    FindingKind.USER_NOT_DECLARED: ("user",),
    FindingKind.STACK_GONE: ("stack",),
    FindingKind.USERS_GONE: ("platform",),
    FindingKind.KEY_UNKNOWN: ("user",),
    FindingKind.KEY_UNUSED: ("key_id",),
    FindingKind.SIZE_JUMPED: ("path",),
    FindingKind.PART_NOT_SEEN: ("platform",),
    FindingKind.PART_FULL: ("platform",),
    FindingKind.USE_NOT_TOLD: ("platform",),
    FindingKind.VENDOR_ALERT: ("type",),
    FindingKind.AGENT_NOT_DECLARED: ("agent",),
    FindingKind.LICENCES_NOT_GRANTED: ("licence",),
    FindingKind.LICENCES_NOT_ORDERED: ("licence",),
    FindingKind.CHANNEL_FAILING: ("channel",),
    FindingKind.AVAILABILITY_SPENT: ("year", "percent"),
}
"""The evidence that tells two findings of a kind on one machine apart; every other kind occurs once."""

_KINDS = frozenset(each.value for each in FindingKind)
_LENGTH = 500
"""A path of a customer's machine may be longer; its first characters tell it apart."""


@dataclass(frozen=True)
class Subject:
    """What a look was about: a tenant, or a platform."""

    tenant_id: str = NO_TENANT
    slug: str = NO_TENANT
    platform: str = ""


@dataclass(frozen=True)
class Settled:
    """What a look changes: ``opened`` have no number yet, ``same`` were seen with other evidence or none at all."""

    opened: Sequence[KeptFinding] = ()
    changed: Sequence[KeptFinding] = ()
    closed: Sequence[KeptFinding] = ()
    same: Sequence[KeptFinding] = ()

    @property
    def written(self) -> list[KeptFinding]:
        """Those whose row changes."""
        return [*self.opened, *self.changed, *self.closed]


def place_of(subject: Subject, finding: Finding) -> FindingPlace:
    """Return where a finding is."""
    detail = " ".join(str(finding.evidence.get(name)) for name in TELLS_APART.get(finding.kind, ()))
    return FindingPlace(
        subject.tenant_id, subject.platform, finding.machine or "", finding.kind.value, detail[:_LENGTH]
    )


def as_finding(kept: KeptFinding) -> Finding:
    """Return a kept finding as a look gave it; one of a kind that only a newer version knows is said to be that."""
    kind, machine = kept.place.kind, kept.place.machine or None
    if kind not in _KINDS:
        return Finding(FindingKind.OF_NEWER_VERSION, machine, {"kind": kind})
    evidence = {name: value if isinstance(value, str | int) else None for name, value in kept.evidence.items()}
    return Finding(FindingKind(kind), machine, evidence)


def settle(
    subject: Subject,
    kept: Collection[KeptFinding],
    found: Collection[Finding],
    was_looked_at: Callable[[KeptFinding], bool],
    now: datetime,
) -> Settled:
    """Compare what a look found with the open findings of its subject.

    A finding that the look did not reach stays as it is: ``was_looked_at`` says which it reached.
    """
    known = {each.place: each for each in kept if each.is_open}
    seen = {place_of(subject, each): each for each in found}
    opened = [
        KeptFinding(place, subject.slug, now, now, each.evidence) for place, each in seen.items() if place not in known
    ]
    again = [(known[place], each) for place, each in seen.items() if place in known]
    differing = [(before, each) for before, each in again if dict(before.evidence) != dict(each.evidence)]
    changed = [replace(before, seen_at=now, evidence=each.evidence) for before, each in differing]
    same = [before for before, each in again if (before, each) not in differing]
    closed = [
        replace(each, closed_at=now) for place, each in known.items() if place not in seen and was_looked_at(each)
    ]
    return Settled(opened, changed, closed, same)
