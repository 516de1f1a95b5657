"""What the records tell of a machine's retention: prunings, their refusals, and whether one is going on."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from coffre.errors import BusyError
from coffre.findings import Finding, FindingKind
from coffre.observation.duty import find_expected_since
from coffre.observation.judge.retention import PastPrune, Upkeep, judge_upkeep
from coffre.observation.sighting import Sighting
from coffre.records.facts.retention import Pruned, PruneRefused, PruningBegan, PruningEnded
from coffre.spec.tenant import Tenant, TenantStatus
from coffre.tenant.estate.freezes import find_freeze
from coffre.tenant.estate.log import Log, RecordedFact

_PRUNES_DAYS = 35
"""Prunings of so many days before the oldest earlier version are read."""


def is_in_maintenance(log: Log, machine: str | None = None) -> bool:
    """Tell whether a machine's gate was closed for maintenance and not settled since; without one: that of any.

    The process that closed it may be dead: a living one has the tenant's lock.
    """
    last = log.last((PruningBegan, PruningEnded), machine)
    return last is not None and isinstance(last.fact, PruningBegan)


def refuse_while_pruned(log: Log, machine: str, since: datetime | None = None) -> None:
    """Refuse (BusyError) to judge a repository that is pruned now, or was ``since``: packs vanish while it is read.

    A killed pruning counts until somebody settles the gate, which `coffre supervise` does at its next pass.
    """
    last = log.last((PruningBegan, PruningEnded), machine)
    if last is None or not (isinstance(last.fact, PruningBegan) or (since is not None and last.at >= since)):
        return
    raise BusyError(
        f"{log.slug}/{machine}: it is being pruned, or was meanwhile: what was read proves nothing",
        "Run the same command again later; `coffre supervise` opens the gate that a killed pruning left closed.",
    )


def judge_retention(
    tenant: Tenant, log: Log, machine: str, seen: Sighting, stored_bytes: int, now: datetime
) -> list[Finding]:
    """Return the findings about a machine's retention; none where nobody may prune."""
    facts = tenant.machines[machine]
    if facts.is_retired or tenant.hold is not None or tenant.status is not TenantStatus.ACTIVE:
        return []
    if find_freeze(log, machine) is not None:
        return []
    upkeep = Upkeep(
        keep=tenant.plans[facts.plan].keep,
        zone=ZoneInfo(tenant.timezone),
        undelete_days=tenant.storage.undelete_days,
        since=find_expected_since(tenant, log, machine),
        prunes=list_prunes(log, machine, now - timedelta(days=tenant.storage.undelete_days + _PRUNES_DAYS)),
        arrivals=seen.arrivals,
        noncurrent_bytes=max(0, stored_bytes - seen.current_bytes),
    )
    return [*_list_refusals(log, machine), *judge_upkeep(machine, upkeep, now)]


def _list_refusals(log: Log, machine: str) -> list[Finding]:
    """Return why the last pruning was refused; none when it was carried out."""
    last = log.last((Pruned, PruneRefused), machine)
    if last is None or not isinstance(last.fact, PruneRefused):
        return []
    return [
        Finding(
            FindingKind(each.kind),
            machine,
            {name: value if isinstance(value, str | int) else None for name, value in each.evidence.items()},
        )
        for each in last.fact.findings
    ]


def list_prunes(log: Log, machine: str, since: datetime) -> list[PastPrune]:
    """Return the prunings of a machine since a time, oldest first; without one, the last before it."""
    found = [_past(each) for each in log.list(Pruned, machine, since)]
    if found:
        return found
    last = log.last(Pruned, machine)
    return [] if last is None else [_past(last)]


def _past(recorded: RecordedFact[Pruned]) -> PastPrune:
    fact = recorded.fact
    before = fact.stored_bytes_before - fact.current_bytes_before
    after = fact.stored_bytes_after - fact.current_bytes_after
    return PastPrune(
        recorded.at,
        fact.removed_count,
        max(0, after - before + fact.freed_bytes),
        fact.unused_bytes,
        fact.current_bytes_after,
    )
