"""When a machine must back up, from its file and its records."""

from datetime import date, datetime

from coffre.observation.judge.duty import Duty
from coffre.records.facts.agents import Install
from coffre.records.facts.contract import SuspensionChange
from coffre.records.facts.enrolment import ConfigurationDelivered
from coffre.spec.access import find_reason
from coffre.spec.tenant import Tenant
from coffre.spec.values.working_hours import public_holidays
from coffre.tenant.departure import has_service_ended
from coffre.tenant.estate.log import Log
from coffre.tenant.pauses import find_pauses


def find_duty(tenant: Tenant, log: Log, name: str) -> Duty:
    """Return when a machine must back up."""
    machine = tenant.machines[name]

    def is_day_off(day: date) -> bool:
        return day in tenant.closed_days or day in public_holidays()

    return Duty(
        machine=name,
        kind=machine.kind,
        schedules=tenant.plans[machine.plan].schedule,
        timezone=tenant.timezone,
        since=find_expected_since(tenant, log, name),
        pauses=find_pauses(log, name),
        is_day_off=is_day_off,
    )


def find_expected_since(tenant: Tenant, log: Log, name: str) -> datetime | None:
    """Return the time since when a machine must back up: its installation, or the end of a later suspension.

    One that nobody can reach must from its enrolment on: an apply records its installation only later.
    """
    if tenant.machines[name].is_retired or find_reason(tenant) is not None or has_service_ended(log):
        return None
    installed = log.last(Install, name)
    since = [installed.at] if installed is not None else [each.at for each in log.list(ConfigurationDelivered, name)]
    if not since:
        return None
    changed = log.last(SuspensionChange)
    return min(since) if changed is None else max(min(since), changed.at)
