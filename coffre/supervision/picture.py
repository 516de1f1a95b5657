"""A tenant as the last passes saw it, from the records alone: no platform and no machine is asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from coffre.records.database.store import Records
from coffre.records.database.supervision import WHOLE_TENANT
from coffre.records.kept_findings import NO_TENANT, KeptFinding
from coffre.spec.tenant import Tenant
from coffre.supervision.applied import AppliedReader, AppliedTenant
from coffre.supervision.history import list_history
from coffre.supervision.judge.forecast import WINDOW_DAYS, Forecast, foresee
from coffre.supervision.judge.quota import Use, leave_out_lesser
from coffre.supervision.observe.seen import SeenMachine, recall_machine, recall_tenant
from coffre.tenant.advice import Advice, list_advice_of


@dataclass(frozen=True)
class TenantPicture:
    """What is known of a tenant; ``looked_at`` is None when no pass has seen it, and then little else is known.

    ``findings`` are its own, of its quota the highest, and those of its platform; ``use`` is that of the last look;
    ``advice`` is all that was ever given.
    """

    tenant: Tenant
    drawn_at: datetime
    looked_at: datetime | None
    use: Use | None
    machines: Mapping[str, SeenMachine | None]
    findings: Sequence[KeptFinding]
    forecast: Forecast
    advice: Sequence[Advice] = ()


def draw(records: Records, root: Path, slug: str, now: datetime) -> TenantPicture | None:
    """Return what is known of a tenant; None when the records have no complete apply of it."""
    applied = AppliedReader(root).read(records).tenants.get(slug)
    return None if applied is None else draw_applied(records, applied, now)


def draw_applied(records: Records, applied: AppliedTenant, now: datetime) -> TenantPicture:
    """Return what is known of a tenant as it was last applied."""
    tenant = applied.tenant
    watched = records.supervision.read_watched(tenant.id).get(tenant.id, {})
    whole = watched.get(WHOLE_TENANT)
    seen = recall_tenant(whole)
    today = now.astimezone(ZoneInfo(tenant.timezone)).date()
    usages = list_history(records, tenant, today - timedelta(days=WINDOW_DAYS), today)
    own = records.supervision.list_findings(tenant.id)
    homes = set(tenant.storage.parts) or {tenant.storage.platform}
    platforms = [each for each in records.supervision.list_findings(NO_TENANT) if each.place.platform in homes]
    return TenantPicture(
        tenant,
        now,
        None if whole is None else whole.looked_at,
        None if seen is None else seen.use,
        {name: recall_machine(watched.get(name)) for name in tenant.machines},
        [*platforms, *leave_out_lesser(own)],
        foresee(usages, tenant.storage.quota_bytes, today),
        list_advice_of(records, tenant.id),
    )
