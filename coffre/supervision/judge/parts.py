"""Judges the parts of a tenant's space, and what a platform with agents of its own says of them. Pure.

The contract sells one quota for all machines (article 2) and counts licences by machine (article 1a). Found here are
a full part beside an empty one, an agent that protects nothing, and licences that nobody ordered.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from coffre.findings import Evidence, Finding, FindingKind
from coffre.outside.text import one_line
from coffre.records.kept_findings import KeptFinding
from coffre.spec.machine import MachineKind
from coffre.storage.surroundings import AlertSeverity, FoundAgent, OpenAlert
from coffre.storage.values import LicenceFigures
from coffre.supervision.judge.quota import ENDS_BELOW

PART_AT_PERCENT = 90
"""A part is told as full from here on, while the sum of all parts is below."""
MAX_NAMED = 20
"""So many alerts of one tenant are named, and as many agents; the others are counted."""
OFFLINE_WITHIN: Mapping[MachineKind, timedelta] = {
    MachineKind.WORKSTATION: timedelta(days=14),
    MachineKind.SERVER: timedelta(hours=2),
}
"""How long an agent may be out of the vendor's reach: a workstation is switched off for holidays."""
_LENGTH = 200
_WORST: Mapping[str, int] = {AlertSeverity.CRITICAL: 0, AlertSeverity.ERROR: 1, AlertSeverity.WARNING: 2}


@dataclass(frozen=True)
class PartUse:
    """How much of its part of the sold quota a tenant uses on one platform; None: unknown."""

    platform: str
    quota_bytes: int
    used_bytes: int | None


def list_full(kept: Iterable[KeptFinding]) -> set[str]:
    """Return the platforms whose part is told as full."""
    return {each.place.detail for each in kept if each.is_open and each.place.kind == FindingKind.PART_FULL.value}


def judge_parts(parts: Sequence[PartUse], told: Collection[str] = ()) -> Iterator[Finding]:
    """Yield the parts that are nearly full while the sold quota is not; ``told`` are the platforms of those so far.

    A tenant with one part has none: its quota is told by itself.
    """
    if len(parts) < 2:
        return
    free_bytes = {each.platform: each.quota_bytes - (each.used_bytes or 0) for each in parts}
    sold_bytes, all_used_bytes = sum(each.quota_bytes for each in parts), sum(each.used_bytes or 0 for each in parts)
    if all_used_bytes * 100 >= sold_bytes * PART_AT_PERCENT:
        return
    for each in parts:
        holds_at = PART_AT_PERCENT - (ENDS_BELOW if each.platform in told else 0)
        if each.used_bytes is None or each.used_bytes * 100 < each.quota_bytes * holds_at:
            continue
        evidence: Evidence = {
            "platform": each.platform,
            "used_bytes": each.used_bytes,
            "quota_bytes": each.quota_bytes,
            "free_bytes": sum(max(0, free) for name, free in free_bytes.items() if name != each.platform),
        }
        yield Finding(FindingKind.PART_FULL, None, evidence)


def judge_alerts(alerts: Iterable[OpenAlert], machine_of: Mapping[str, str]) -> Iterator[Finding]:
    """Yield one finding for each type of alert on a machine, the worst first; ``machine_of`` is by the agent's id.

    An alert about no machine of the file is one of the tenant.
    """
    found: dict[tuple[str | None, str], list[OpenAlert]] = {}
    for each in alerts:
        found.setdefault((machine_of.get(each.agent_id), one_line(each.type, _LENGTH)), []).append(each)
    groups = sorted(found.items(), key=lambda group: (min(_WORST[each.severity] for each in group[1]), str(group[0])))
    for (machine, kind), same in groups[:MAX_NAMED]:
        times = [each.raised_at for each in same if each.raised_at is not None]
        evidence: Evidence = {
            "type": kind,
            "severity": min((each.severity for each in same), key=_WORST.__getitem__).value,
            "count": len(same),
            "since": min(times).astimezone(UTC).isoformat() if times else None,
        }
        yield Finding(FindingKind.VENDOR_ALERT, machine, evidence)
    more = sum(len(same) for _, same in groups[MAX_NAMED:])
    if more:
        yield Finding(FindingKind.VENDOR_ALERT, None, {"type": None, "severity": None, "count": more, "since": None})


def judge_agents(agents: Sequence[FoundAgent], machine_of: Mapping[str, str]) -> Iterator[Finding]:
    """Yield agents that are gone, without a plan, or of no machine.

    ``machine_of`` has the machines in service whose agent's id is recorded. A retired machine's agent is of no machine:
    its removal was not carried out.
    """
    listed = {each.agent_id: each for each in agents}
    for agent_id, machine in machine_of.items():
        agent = listed.get(agent_id)
        if agent is None:
            yield Finding(FindingKind.AGENT_GONE, machine, {"agent": agent_id})
        elif agent.has_plan is False:
            yield Finding(FindingKind.PLAN_MISSING, machine)
    others = sorted(
        (each for each in agents if each.agent_id not in machine_of), key=lambda each: (each.host_name, each.agent_id)
    )
    for each in others[:MAX_NAMED]:
        evidence: Evidence = {
            "agent": one_line(each.agent_id, _LENGTH),
            "host_name": one_line(each.host_name, _LENGTH),
            "count": 1,
        }
        yield Finding(FindingKind.AGENT_NOT_DECLARED, None, evidence)
    if len(others) > MAX_NAMED:
        more: Evidence = {"agent": None, "host_name": None, "count": len(others) - MAX_NAMED}
        yield Finding(FindingKind.AGENT_NOT_DECLARED, None, more)


def judge_offline(since: Mapping[str, datetime], kinds: Mapping[str, MachineKind], now: datetime) -> Iterator[Finding]:
    """Yield the machines whose agent the vendor has not reached for too long; ``since`` has those it does not reach."""
    for machine, first_at in since.items():
        if now - first_at >= OFFLINE_WITHIN[kinds[machine]]:
            yield Finding(FindingKind.AGENT_OFFLINE, machine, {"since": first_at.isoformat()})


def judge_licences(
    ordered: Mapping[MachineKind, int], figures: Mapping[str, LicenceFigures], order: str
) -> Iterator[Finding]:
    """Compare the licences that were ordered from the distributor with what the vendor grants and counts as used.

    ``figures`` are by kind of machine; what the vendor does not tell is not judged. More granted than ordered is a
    difference from the declaration, which `coffre drift` shows.
    """
    for name, figure in figures.items():
        wanted = ordered.get(MachineKind(name), 0)
        about: Evidence = {"licence": name, "ordered": wanted, "order": order}
        if figure.granted is not None and figure.granted < wanted:
            yield Finding(FindingKind.LICENCES_NOT_GRANTED, None, {**about, "granted": figure.granted})
        if figure.used is not None and figure.used > wanted:
            yield Finding(FindingKind.LICENCES_NOT_ORDERED, None, {**about, "used": figure.used})
