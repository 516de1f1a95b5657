"""Notices of maintenance: which customers are told, and their messages in the outbox."""

import json
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from coffre.records.actor import Author
from coffre.records.database.store import Records
from coffre.records.messages import Audience, Message, MessageKind, Told
from coffre.spec.tenant import Tenant, TenantStatus
from coffre.supervision.applied import AppliedTenant
from coffre.supervision.judge.maintenance import MaintenanceStep, Step
from coffre.tenant.departure import BEFORE_ERASURE, find_stage
from coffre.tenant.estate.log import TenantLog

_TOLD = {Step.DECLARE: Told.BEGIN, Step.CHANGE: Told.AGAIN, Step.WITHDRAW: Told.END}


def find_affected(
    records: Records, applied: Mapping[str, AppliedTenant], platforms: Collection[str], author: Author
) -> list[Tenant]:
    """Return the tenants whose backups are on these platforms and not erased, as they were last applied."""
    tenants = [each.tenant for each in applied.values() if not _homes(each.tenant).isdisjoint(platforms)]
    served = [each for each in tenants if each.status in (TenantStatus.ACTIVE, TenantStatus.LEAVING)]
    stages = {each.slug: find_stage(TenantLog.read(records, each.id, each.slug, author)) for each in served}
    return [each for each in served if stages[each.slug] is None or stages[each.slug] in BEFORE_ERASURE]


def plan_notices(steps: Iterable[MaintenanceStep], tenants: Collection[Tenant], now: datetime) -> list[Message]:
    """Return the messages that tell what was said about maintenance to the contacts of the tenants on its platform."""
    return [_notice(step, tenant, now) for step in steps for tenant in tenants if step.platform in _homes(tenant)]


def _notice(step: MaintenanceStep, tenant: Tenant, now: datetime) -> Message:
    return Message(
        audience=Audience.CUSTOMER,
        recipient="",
        tenant_id=tenant.id,
        slug=tenant.slug,
        kind=MessageKind.MAINTENANCE,
        about=json.dumps([MessageKind.MAINTENANCE.value, step.platform, step.begins_at.isoformat()]),
        occurrence=now.isoformat(),
        told=_TOLD[step.step],
        content={
            "step": step.step.value,
            "begins_at": step.begins_at.isoformat(),
            "ends_at": step.ends_at.isoformat(),
            "reason": step.reason,
            "is_urgent": step.is_short,
            "is_late": step.is_late,
        },
        created_at=now,
        not_before=now,
    )


def _homes(tenant: Tenant) -> set[str]:
    """Return the platforms that a tenant's machines back up to."""
    return {tenant.storage.platform, *tenant.storage.parts}
