"""What may pass a sold quota where the platform enforces no limit: the gate is checked at intervals."""

from dataclasses import dataclass

from coffre.observation.judge.growth import WINDOW, last_current_bytes, measure_growth
from coffre.spec.quota import gate_seconds, overshoot_bytes
from coffre.spec.storage_platform import Platform
from coffre.spec.tenant import Tenant
from coffre.tenant.estate.log import TenantLog
from coffre.tenant.lookup import local_today


@dataclass(frozen=True)
class Overshoot:
    """The longest time between two looks at the gate while backups run, and what may pass the quota between them."""

    look_seconds: int
    beyond_bytes: int


def foresee_overshoot(tenant: Tenant, platform: Platform, log: TenantLog, used_bytes: int | None = None) -> Overshoot:
    """Return a tenant's overshoot at the growth of its last day; reading creates no records.

    Without ``used_bytes`` the usage is the last recorded one.
    """
    today, records = local_today(tenant), log.find_records()
    usages = [] if records is None else records.list_usage(tenant.id, today - WINDOW, today)
    used = last_current_bytes(usages) if used_bytes is None else used_bytes
    seconds = gate_seconds(tenant.storage.quota_bytes, used or 0, measure_growth(usages, today), platform)
    return Overshoot(seconds, overshoot_bytes(seconds, platform))
