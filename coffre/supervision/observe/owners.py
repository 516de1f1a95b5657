"""Looks at the parts of a tenant on platforms that count use themselves, and whose agents are their own.

The platform's figures of all tenants are asked for once in a pass. What it told serves for an hour: its figures are
hours old anyway.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TypeVar

from coffre.errors import ExpectedError
from coffre.findings import Finding, FindingKind
from coffre.records.database.supervision import Watched
from coffre.spec import naming
from coffre.spec.access import find_reason
from coffre.spec.tenant import Tenant
from coffre.storage.platform import Survey
from coffre.storage.surroundings import FoundAgent, Surroundings
from coffre.storage.values import OwnerFacts, PlatformAwayError
from coffre.supervision.judge.parts import PartUse, judge_agents, judge_alerts, judge_licences, judge_offline
from coffre.supervision.observe.seen import (
    SeenMachine,
    SeenPart,
    recall_ghosts,
    recall_machine,
    record_ghosts,
)
from coffre.tenant.estate.agents import find_deployment
from coffre.tenant.estate.log import TenantLog
from coffre.tenant.opening import OpenTenant

PART_EVERY = timedelta(hours=1)
"""How long a platform's own figures serve: each costs some requests a tenant, and they are hours old."""
_SILENT_FOR = 3
"""A platform that was silent for so many owners in a row is taken to be away for all: each of them costs a minute."""
T = TypeVar("T")


class Owners:
    """What platforms tell of their owners, asked once in a pass; safe to use from many threads.

    A platform that does not answer is not asked again in the same pass: for its owners once, for the agents of single
    owners until it was silent for some of them.
    """

    def __init__(self, open_survey: Callable[[str], Survey]) -> None:
        self._open_survey = open_survey
        self._guard = threading.Lock()
        self._asking: dict[str, threading.Lock] = {}
        self._known: dict[str, Mapping[str, OwnerFacts] | ExpectedError] = {}
        self._silent: dict[str, list[PlatformAwayError]] = {}

    def find(self, platform: str, owner_uid: str) -> OwnerFacts | None:
        """Return the facts of an owner; None without one. ExpectedError: nothing is known."""
        found = self._list(platform)
        if isinstance(found, ExpectedError):
            raise found
        return found.get(naming.tenant_id_of(owner_uid) or "")

    def look_around(self, platform: str, owner_uid: str) -> Surroundings | None:
        """Return what a platform tells of an owner's agents. PlatformAwayError when it was silent for others."""
        with self._guard:
            silent = list(self._silent.get(platform, ()))
        if len(silent) >= _SILENT_FOR:
            raise silent[-1]
        try:
            around = self._open_survey(platform).look_around(owner_uid)
        except PlatformAwayError as problem:
            with self._guard:
                self._silent.setdefault(platform, []).append(problem)
            raise
        with self._guard:
            self._silent.pop(platform, None)
        return around

    def _list(self, platform: str) -> Mapping[str, OwnerFacts] | ExpectedError:
        """Return the owners of a platform by the ids of their tenants, or why it told none."""
        with self._guard:
            asking = self._asking.setdefault(platform, threading.Lock())
        with asking:
            if platform not in self._known:
                try:
                    listed = self._open_survey(platform).list_owners() or {}
                    self._known[platform] = {naming.tenant_id_of(uid) or "": each for uid, each in listed.items()}
                except ExpectedError as problem:
                    self._known[platform] = problem
            return self._known[platform]


@dataclass(frozen=True)
class PartLook:
    """What was seen of a part; with a ``problem`` nothing was, and ``machines`` are those of nobody.

    ``offline_since`` are the agents that the platform does not reach.
    """

    use: PartUse
    seen: SeenPart | None
    findings: Sequence[Finding] = ()
    problem: ExpectedError | None = None
    offline_since: Mapping[str, datetime] = field(default_factory=dict)


def look_at_part(
    part: OpenTenant,
    owners: Owners,
    kept: SeenPart | None,
    remembered: Mapping[str, Watched],
    now: datetime,
    *,
    is_due: bool,
) -> PartLook:
    """Look at a part of a tenant, or return what the last look saw; never an error of its platform."""
    tenant = part.tenant
    platform, quota_bytes = tenant.storage.platform, tenant.storage.quota_bytes
    if kept is not None and not is_due and now - kept.at < PART_EVERY:
        return PartLook(PartUse(platform, quota_bytes, kept.used_bytes), kept, recall_ghosts(kept.findings))
    uid = part.buckets.owner_uid
    try:
        owner = owners.find(platform, uid)
        around = None if owner is None else owners.look_around(platform, uid)
    except ExpectedError as problem:
        return PartLook(PartUse(platform, quota_bytes, None), None, (), problem)
    offline: dict[str, datetime] = {}
    if owner is None:
        gone: dict[str, str | int | None] = {"platform": platform, "count": 1, "user": uid}
        findings = [Finding(FindingKind.USERS_GONE, None, gone)]
    else:
        findings = _judge_owner(tenant, owner)
    if around is not None:
        offline = _find_offline(tenant, part.log, around.agents, remembered, now)
        findings += _judge_surroundings(tenant, part.log, around, offline, now)
    used_bytes = None if owner is None else owner.known_use_bytes
    seen = SeenPart(platform, now, used_bytes, record_ghosts(findings))
    return PartLook(PartUse(platform, quota_bytes, used_bytes), seen, findings, None, offline)


def _judge_owner(tenant: Tenant, owner: OwnerFacts) -> list[Finding]:
    order = "" if tenant.contract.vendor is None else tenant.contract.vendor.order
    findings = list(judge_licences(tenant.licences, owner.licences, order))
    if owner.known_use_bytes is None:
        findings.append(Finding(FindingKind.USE_NOT_TOLD, None, {"platform": tenant.storage.platform}))
    return findings


def _judge_surroundings(
    tenant: Tenant, log: TenantLog, around: Surroundings, offline: Mapping[str, datetime], now: datetime
) -> list[Finding]:
    machine_of = _find_machines(tenant, log)
    findings = list(judge_alerts(around.alerts, machine_of))
    if find_reason(tenant) is None:  # nobody works in a customer that is switched off
        leaving = _find_leaving(tenant, log, now.date())
        findings += judge_agents([each for each in around.agents if each.agent_id not in leaving], machine_of)
        findings += judge_offline(offline, {name: each.kind for name, each in tenant.machines.items()}, now)
    return findings


def _find_machines(tenant: Tenant, log: TenantLog) -> dict[str, str]:
    """Return the machines in service by the id of their agent that the last deployment gave."""
    return {each: name for name in tenant.active_machines() if (each := _find_agent(tenant, log, name))}


def _find_leaving(tenant: Tenant, log: TenantLog, today: date) -> set[str]:
    """Return the ids of the agents that are still to go: of machines that move, which retire on a day to come."""
    leaving = {name for name, each in tenant.machines.items() if each.retired is not None and each.retired.on > today}
    return {each for name in leaving if (each := _find_agent(tenant, log, name))}


def _find_agent(tenant: Tenant, log: TenantLog, name: str) -> str:
    """Return the id that the last deployment of a machine's kind of agent gave; empty without one."""
    found = find_deployment(log, name, tenant.machines[name].agent)
    return "" if found is None else found.fact.agent_id


def _find_offline(
    tenant: Tenant, log: TenantLog, agents: Sequence[FoundAgent], remembered: Mapping[str, Watched], now: datetime
) -> dict[str, datetime]:
    """Return since when looks see the agents of machines out of the platform's reach."""
    found: dict[str, datetime] = {}
    machine_of = _find_machines(tenant, log)
    for each in agents:
        name = machine_of.get(each.agent_id)
        if name is not None and not each.is_online:
            before: SeenMachine | None = recall_machine(remembered.get(name))
            found[name] = now if before is None or before.offline_since is None else before.offline_since
    return found
