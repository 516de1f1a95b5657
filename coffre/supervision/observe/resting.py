"""Spares a platform that has no marks of what was written, such as AWS: there each look lists every bucket, and one
of a vendor's agents gives figures that are hours old.

A tenant is looked at there once an hour, sooner where it may soon be full, and as soon as a command or a person's word
changed something. In between only time is judged.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from coffre.records.database.supervision import WHOLE_TENANT, Watched
from coffre.supervision.judge.metering import Measurements, Metered
from coffre.supervision.observe.look import TenantLook
from coffre.supervision.observe.seen import SeenMachine, SeenTenant, recall_machine, recall_tenant, remember_tenant
from coffre.tenant.opening import OpenTenant

UNMARKED_EVERY = timedelta(hours=1)
"""How long a look at a tenant holds at most on a platform without marks: each costs a listing of every bucket."""


@dataclass(frozen=True)
class _Remembered:
    tenant: SeenTenant
    looked_at: datetime
    machines: Mapping[str, SeenMachine]


def recall_look(opened: OpenTenant, watched: Mapping[str, Watched], event_id: int, now: datetime) -> TenantLook | None:
    """Return what the last look saw, when another one is not due; None when somebody must look.

    It is always due where the platform tells what was written, after an event (``event_id`` is the newest one), when
    something could not be seen the last time, and on a new day of the provider, which is measured.
    """
    if opened.capabilities.has_marks:
        return None
    kept = _recall(opened, watched)
    if kept is None or kept.tenant.event_id != event_id:
        return None
    zone = ZoneInfo(opened.checkout.settings.working_hours.timezone)
    is_new_day = kept.looked_at.astimezone(zone).date() != now.astimezone(zone).date()
    if is_new_day or kept.tenant.next_look_at is None or now >= kept.tenant.next_look_at:
        return None
    use = kept.tenant.use or kept.tenant.uses[-1]
    return TenantLook(
        machines=kept.machines,
        use=use,
        uses=kept.tenant.uses,
        peak=kept.tenant.peak,
        findings=(),
        unseen=frozenset(),
        watched={},
        measured=Measurements(kept.tenant.metered or Metered()),
        suspicions={},
        next_look_at=kept.tenant.next_look_at,
    )


def remember_next(look: TenantLook, now: datetime, next_look_at: datetime) -> Mapping[str, Watched]:
    """Return what a look saw with when the next one is due, as the records keep it."""
    seen = recall_tenant(look.watched[WHOLE_TENANT])
    if seen is None or look.unseen or look.is_bucket_gone or look.problems:
        return look.watched
    return {**look.watched, WHOLE_TENANT: remember_tenant(now, replace(seen, next_look_at=next_look_at))}


def _recall(opened: OpenTenant, watched: Mapping[str, Watched]) -> _Remembered | None:
    """Return what is remembered of a tenant; None when it is not all there."""
    tenant = recall_tenant(watched.get(WHOLE_TENANT))
    if tenant is None or not tenant.uses:
        return None
    machines: dict[str, SeenMachine] = {}
    for name in opened.tenant.machines:
        seen = recall_machine(watched.get(name))
        if seen is None:
            return None
        machines[name] = seen
    return _Remembered(tenant, watched[WHOLE_TENANT].looked_at, machines)
