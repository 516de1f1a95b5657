"""Looks at one tenant: what was written to since the last look is read, everything else is remembered.

One request tells which buckets were written to. Every few hours everything is read again: a platform may count no
delete marker as a write, and time alone makes some findings.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from coffre.agents.kinds import with_bucket
from coffre.errors import ExpectedError
from coffre.findings import Finding, FindingKind
from coffre.observation.judge.continuity import judge_absence
from coffre.observation.judge.sizes import follow_jumps, judge_jumps
from coffre.observation.machine import MachineLook, hear_machine, look_at_machine
from coffre.observation.reports import find_wanted
from coffre.observation.second_copy import observe_copy
from coffre.observation.tenant import compare_second_counts
from coffre.records.database.supervision import WHOLE_TENANT, Watched
from coffre.spec.parts import machines_of
from coffre.storage.values import BucketFacts, PlatformAwayError
from coffre.supervision.judge.attacks.attack import Suspicion, Weakened
from coffre.supervision.judge.ghosts import judge_buckets
from coffre.supervision.judge.metering import Measurements, Metered, Zones, measure_day
from coffre.supervision.judge.parts import PartUse
from coffre.supervision.judge.quota import Peak, Use, add_up, follow_peak
from coffre.supervision.observe.attack import look_for_attack
from coffre.supervision.observe.ghosts import look_for_ghosts
from coffre.supervision.observe.owners import Owners, PartLook, look_at_part
from coffre.supervision.observe.seen import (
    SeenMachine,
    SeenTenant,
    recall_findings,
    recall_ghosts,
    recall_machine,
    recall_tenant,
    record_findings,
    record_ghosts,
    remember_machine,
    remember_tenant,
)
from coffre.tenant.opening import OpenTenant

_WHOLE_AFTER = timedelta(hours=4)
_GHOSTS_AFTER = timedelta(hours=20)
"""With whole looks every 4 to 6 hours, that is once a day."""
KEPT_DAYS = 40
"""So many days of successful runs are kept of a machine without a bucket: the pages show five weeks."""
_SPREAD_SECONDS = 2 * 3600
"""Whole looks of many tenants are spread over so long."""


@dataclass(frozen=True)
class TenantLook:
    """One look at a tenant; ``machines`` are those that were seen, now or since nothing changed.

    ``use`` is that of all parts, ``uses`` are those of the buckets alone, with which the wall fills.

    ``findings`` are what the content of the storage shows, without the judgement of quota and due backups. ``unseen``
    are machines whose bucket could not be read: nothing is known of them now. ``suspicions`` are the attacks that
    machines look like whose bucket was read.
    """

    machines: Mapping[str, SeenMachine]
    use: Use
    uses: tuple[Use, ...]
    peak: Peak | None
    findings: tuple[Finding, ...]
    unseen: frozenset[str]
    watched: Mapping[str, Watched]
    measured: Measurements
    suspicions: Mapping[str, Suspicion]
    is_bucket_gone: bool = False
    """Whether a machine has no bucket."""
    parts: tuple[PartUse, ...] = ()
    """The use of each part, for a tenant with several."""
    problems: Mapping[str, ExpectedError] = field(default_factory=dict)
    """Why parts could not be looked at, by platform; the others were."""
    next_look_at: datetime | None = None
    """Of a look that is only remembered: when somebody must look again."""

    @property
    def was_made(self) -> bool:
        """Whether the platform was asked; otherwise it is what the last look saw."""
        return self.next_look_at is None


def look_at_tenant(
    opened: OpenTenant,
    remembered: Mapping[str, Watched],
    event_id: int,
    now: datetime,
    weakened: Mapping[str, Weakened] | None = None,
    owners: Owners | None = None,
) -> TenantLook:
    """Look at a tenant that is served. PlatformAwayError or another ExpectedError: nothing was seen.

    ``event_id`` is the newest event of the tenant in the records; ``weakened`` what was lately applied that protects
    machines less; ``owners`` what platforms that count use themselves tell.
    """
    tenant = opened.tenant
    before = recall_tenant(remembered.get(WHOLE_TENANT))
    is_old = before is None or now - before.looked_whole_at >= _whole_after(tenant.id)
    is_whole = is_old or before is None or before.event_id != event_id
    parts = _look_at_parts(opened, owners, before, remembered, now, is_due=is_whole)
    facts = {}
    if opened.with_buckets is not None:
        facts = {each.name: each for each in opened.storage.list_bucket_facts(opened.buckets.owner_uid)}
    machines: dict[str, SeenMachine] = {}
    watched: dict[str, Watched] = {}
    findings: list[Finding] = []
    unseen: set[str] = set()
    looks: dict[str, MachineLook] = {}
    suspicions: dict[str, Suspicion] = {}
    as_left = opened.of_buckets
    in_need = with_bucket(as_left.tenant.machines)
    for name, heard in _hear_all(opened, parts, remembered, now).items():
        if isinstance(heard, SeenMachine):
            machines[name] = heard
            watched[name] = remember_machine(now, None, heard)
        else:
            unseen.add(name)
            findings += heard
    for name in in_need:
        found = facts.get(opened.buckets.name(name))
        if found is None:
            findings += judge_absence(name, opened.log.recall(name))
            continue
        kept = None if is_whole else _unchanged(remembered.get(name), found)
        if kept is None:
            look = look_at_machine(as_left, name, now)
            if isinstance(look, Finding):
                findings.append(look)
                unseen.add(name)
                continue
            looks[name] = look
            was = recall_machine(remembered.get(name))
            kept, suspicion = _read(opened, name, look, was, (weakened or {}).get(name), now)
            if suspicion is not None:
                suspicions[name] = suspicion
            watched[name] = remember_machine(now, found.mark, kept)
        if name in machines:
            kept = _with_bucket_of(machines[name], kept)
            watched[name] = remember_machine(now, found.mark, kept)
        machines[name] = kept
        findings += [*recall_findings(name, kept.findings), *judge_jumps(name, kept.jumps, now)]
    declared = [opened.buckets.name(name) for name in tenant.machines]
    findings += judge_buckets({name: each.stored_bytes for name, each in facts.items()}, declared)
    findings += [each for part in parts for each in part.findings]
    findings += [_not_seen(part) for part in parts if _is_own_fault(part)]
    own, is_whole = _look_at_whole(opened, before, looks, now, is_whole=is_whole and not unseen & in_need.keys())
    findings += [*recall_findings(None, own.findings), *recall_ghosts(own.ghosts)]
    in_buckets = _add_up(facts, machines, unseen & in_need.keys(), now)
    use = add_up(in_buckets, [part.use.used_bytes for part in parts])
    uses = own.with_use(in_buckets)
    peak = follow_peak(own.peak, uses, now)
    stores = {name: each.store(name) for name, each in machines.items() if name in in_need}
    zones = Zones(tenant.timezone, opened.checkout.settings.working_hours.timezone)
    measured = measure_day(tenant.id, stores, use, own.metered or Metered(), zones)
    newest_id = event_id if is_whole else own.event_id
    seen = replace(
        own,
        event_id=newest_id,
        uses=uses,
        peak=peak,
        metered=measured.metered,
        parts=tuple(part.seen for part in parts if part.seen is not None),
        unknown=tuple(part.use.platform for part in parts if part.problem is not None),
    )
    watched[WHOLE_TENANT] = remember_tenant(now, seen)
    is_gone = any(opened.buckets.name(name) not in facts for name in in_need)
    return TenantLook(
        machines,
        use,
        uses,
        peak,
        tuple(findings),
        frozenset(unseen),
        watched,
        measured,
        suspicions,
        is_gone,
        parts=list_part_uses(opened, in_buckets, [part.use for part in parts]),
        problems={part.use.platform: part.problem for part in parts if part.problem is not None},
    )


def list_part_uses(opened: OpenTenant, in_buckets: Use, others: Sequence[PartUse]) -> tuple[PartUse, ...]:
    """Return the use of each part; none for a tenant with one part, whose use is that of the whole."""
    if len(opened.parts) < 2:
        return ()
    known = {each.platform: each for each in others}
    found = []
    for part in opened.parts:
        storage = part.tenant.storage
        own = PartUse(storage.platform, storage.quota_bytes, in_buckets.current_bytes)
        found.append(known.get(storage.platform, own))
    return tuple(found)


def _look_at_parts(
    opened: OpenTenant,
    owners: Owners | None,
    before: SeenTenant | None,
    remembered: Mapping[str, Watched],
    now: datetime,
    *,
    is_due: bool,
) -> list[PartLook]:
    """Look at the parts on platforms that count use themselves. The error of a tenant's only part is raised."""
    found = []
    for part in opened.parts:
        if not part.capabilities.counts_use or owners is None:
            continue
        kept = None if before is None else before.find_part(part.tenant.storage.platform)
        seen = look_at_part(part, owners, kept, remembered, now, is_due=is_due)
        if seen.problem is not None and len(opened.parts) == 1:
            raise seen.problem
        found.append(seen)
    return found


def _is_own_fault(part: PartLook) -> bool:
    """Tell whether a part could not be looked at by itself: a platform that is away is one finding, its own."""
    return part.problem is not None and not isinstance(part.problem, PlatformAwayError)


def _not_seen(part: PartLook) -> Finding:
    problem = part.problem
    error = "" if problem is None else problem.message
    return Finding(FindingKind.PART_NOT_SEEN, None, {"platform": part.use.platform, "error": error})


def _hear_all(
    opened: OpenTenant, parts: Sequence[PartLook], remembered: Mapping[str, Watched], now: datetime
) -> dict[str, SeenMachine | list[Finding]]:
    """Return what the agents of machines without a bucket say, or said within the hour; otherwise why none is heard."""
    found: dict[str, SeenMachine | list[Finding]] = {}
    by_platform = {each.use.platform: each for each in parts}
    in_need = with_bucket(opened.tenant.machines)
    for part in opened.parts:
        look = by_platform.get(part.tenant.storage.platform)
        for name in machines_of(part.tenant, opened.tenant):
            if name not in in_need:  # one that moves to a bucket is read there
                found[name] = _hear_of_part(opened, name, look, recall_machine(remembered.get(name)), now)
    return found


def _hear_of_part(
    opened: OpenTenant, name: str, part: PartLook | None, before: SeenMachine | None, now: datetime
) -> SeenMachine | list[Finding]:
    if part is not None and part.problem is not None:
        return []
    if part is not None and part.seen is not None and before is not None and before.looked_whole_at >= part.seen.at:
        return before  # it was heard when its part was looked at; after a failure it is asked again
    heard = hear(opened, name, now, before)
    if isinstance(heard, Finding):
        return [heard]
    return replace(heard, offline_since=None if part is None else part.offline_since.get(name))


def _whole_after(tenant_id: str) -> timedelta:
    part = int.from_bytes(hashlib.sha256(tenant_id.encode()).digest()[:4], "big") % _SPREAD_SECONDS
    return _WHOLE_AFTER + timedelta(seconds=part)


def _unchanged(watched: Watched | None, found: BucketFacts) -> SeenMachine | None:
    """Return what is remembered of a machine whose bucket nobody wrote to since; None when it must be read."""
    if watched is None or found.mark is None or watched.mark != found.mark:
        return None
    return recall_machine(watched)


def _seen(look: MachineLook, now: datetime, before: SeenMachine | None) -> SeenMachine:
    status, store = look.status, look.store
    return SeenMachine(
        looked_whole_at=now,
        current_bytes=store.current_bytes,
        repository_bytes=store.repository_bytes,
        stored_bytes=store.stored_bytes,
        objects=store.objects,
        last_result=status.last_result,
        last_success_at=status.last_success_at,
        newest_snapshot_at=status.newest_snapshot_at,
        witnesses_agree=status.witnesses_agree,
        is_stopped=look.is_stopped,
        findings=record_findings(look.findings),
        known_since=now if before is None else before.known_since or now,
        first_backup_at=look.history.first_backup_at,
        drilled_at=look.history.last_at,
    )


def _read(
    opened: OpenTenant,
    name: str,
    look: MachineLook,
    before: SeenMachine | None,
    weakened: Weakened | None,
    now: datetime,
) -> tuple[SeenMachine, Suspicion | None]:
    """Return what a look at a bucket showed, and the attack that it looks like; nobody writes to one that was left."""
    seen = _seen(look, now, before)
    if name not in with_bucket(opened.tenant.machines):
        return seen, None
    seen, suspicion = look_for_attack(opened, name, look, seen, before, weakened, now)
    return _follow_sizes(opened, name, seen, before, look, now), suspicion


def _with_bucket_of(heard: SeenMachine, left: SeenMachine) -> SeenMachine:
    """Return what the new agent of a machine says, with what the agent before left in its bucket."""
    return replace(
        heard,
        current_bytes=left.current_bytes,
        repository_bytes=left.repository_bytes,
        stored_bytes=left.stored_bytes,
        objects=left.objects,
        findings=left.findings,
    )


def _follow_sizes(
    opened: OpenTenant, name: str, seen: SeenMachine, before: SeenMachine | None, look: MachineLook, now: datetime
) -> SeenMachine:
    """Return what was seen with the paths that jumped in the reports since the look before."""
    number, kept = (0, ()) if before is None else (before.jumps_number, before.jumps)
    fresh = [each for each in look.reported.reports if (each.number or 0) > number]
    newest = max([number, *(each.number or 0 for each in fresh)])
    wanted = find_wanted(opened.tenant, opened.log, name).paths
    return replace(seen, jumps=follow_jumps(kept, fresh, wanted, now), jumps_number=newest)


def hear(opened: OpenTenant, name: str, now: datetime, before: SeenMachine | None = None) -> SeenMachine | Finding:
    """Return what the agent says of a machine that has no bucket; a finding when it cannot be asked."""
    heard = hear_machine(opened, name, now)
    if isinstance(heard, Finding):
        return heard
    days = () if before is None else before.saved_days
    if heard.last_success_at is not None:
        saved_on = heard.last_success_at.astimezone(ZoneInfo(opened.tenant.timezone)).date()
        days = tuple(sorted({*days, saved_on}))[-KEPT_DAYS:]
    known_since = now if before is None else before.known_since or now
    return SeenMachine(
        now, 0, 0, 0, 0, heard.last_result, heard.last_success_at, known_since=known_since, saved_days=days
    )


def _look_at_whole(
    opened: OpenTenant, before: SeenTenant | None, looks: Mapping[str, MachineLook], now: datetime, *, is_whole: bool
) -> tuple[SeenTenant, bool]:
    """Look at what belongs to no machine alone: the second copy, and the platform's own daily figures."""
    if not is_whole:
        return before or SeenTenant(datetime.min.replace(tzinfo=now.tzinfo)), False
    findings: list[Finding] = list(compare_second_counts(opened, list(looks)))
    _, copied = observe_copy(opened, {name: look.arrivals for name, look in looks.items()}, now)
    findings += copied
    seen = SeenTenant(now) if before is None else before
    seen = replace(seen, looked_whole_at=now, findings=record_findings(findings))
    return _look_for_ghosts(opened, seen, looks, now), True


def _look_for_ghosts(
    opened: OpenTenant, seen: SeenTenant, looks: Mapping[str, MachineLook], now: datetime
) -> SeenTenant:
    """Look for what nobody declared or needs: once a day, and more often where there is something."""
    is_recent = seen.ghosts_at is not None and now - seen.ghosts_at < _GHOSTS_AFTER
    if is_recent and not seen.ghosts:
        return seen
    try:
        found = look_for_ghosts(opened, looks, now)
    except ExpectedError as problem:  # of the second copy's platform too: the tenant itself was seen
        opened.on_notice(f"{opened.tenant.slug}: its users and keys could not be looked at: {problem.message}")
        return seen
    return replace(seen, ghosts=record_ghosts(found), ghosts_at=now)


def _add_up(
    facts: Mapping[str, BucketFacts],
    machines: Mapping[str, SeenMachine],
    unseen: Sequence[str] | set[str],
    now: datetime,
) -> Use:
    """Return the use of a tenant; the current bytes are known when every machine was seen."""
    stored_bytes = sum(each.stored_bytes for each in facts.values())
    current_bytes = None if unseen else sum(each.current_bytes for each in machines.values())
    return Use(now, stored_bytes, current_bytes)
