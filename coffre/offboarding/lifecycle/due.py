"""Gathers the facts that decide whether the next stage of a departure is due: file, records and journal."""

from collections.abc import Callable
from datetime import date
from zoneinfo import ZoneInfo

from coffre.agents.kinds import with_repository
from coffre.errors import RefusedError
from coffre.offboarding.lifecycle.calendar import Calendar, plan_calendar
from coffre.offboarding.lifecycle.dismantling import GONE
from coffre.offboarding.lifecycle.evidence import Agent, Attestation, BucketErased, Returned, Step, Verified
from coffre.offboarding.lifecycle.journal import Journal
from coffre.offboarding.lifecycle.stages import Facts
from coffre.operations.holds.settle import describe_hold
from coffre.records.facts.departure import Attested
from coffre.spec.leaving import Choice, Leaving
from coffre.spec.loader import Checkout, reload_tenant
from coffre.spec.parts import of_buckets
from coffre.spec.tenant import Hold, Tenant
from coffre.tenant.estate.log import TenantLog
from coffre.tenant.holds import combine, list_recorded


def get_leaving(tenant: Tenant) -> Leaving:
    """Return the `leaving:` block; RefusedError when the file has none."""
    leaving = tenant.leaving
    if leaving is None:
        raise RefusedError(
            f"{tenant.slug} is not leaving: its file has `status: {tenant.status}`",
            "A departure begins with `status: leaving` and a `leaving:` block, in a pull request.",
        )
    return leaving


def get_calendar(tenant: Tenant, checkout: Checkout, journal: Journal) -> Calendar:
    """Return the dates of the departure, with the day of the return once everything was returned."""
    leaving = get_leaving(tenant)
    returned_on = _returned_on(journal)
    is_complete = not list_unreturned(tenant, journal)
    return plan_calendar(leaving, checkout.settings.offboarding, returned_on if is_complete else None)


def gather_facts(tenant: Tenant, checkout: Checkout, log: TenantLog, journal: Journal) -> Facts:
    """Return the facts that decide whether the next stage is due."""
    hold = find_hold_now(tenant, checkout, log)
    return Facts(
        today=journal.today,
        calendar=get_calendar(tenant, checkout, journal),
        choice=get_leaving(tenant).choice,
        unreturned=tuple(list_unreturned(tenant, journal)),
        has_receipt=has_receipt(journal),
        agents_left=tuple(list_agents_left(tenant, journal)),
        hold=None if hold is None else describe_hold(hold),
        locked_until=find_lock_end(tenant, journal),
        is_verified=is_verified(journal),
    )


def has_receipt(journal: Journal) -> bool:
    """Tell whether the customer attested the recovery of its data; no other attestation is a receipt."""
    return any(each.what is Attested.DATA_RECOVERED for each in journal.read(Step.ATTESTED, Attestation))


def list_unreturned(tenant: Tenant, journal: Journal) -> list[str]:
    """Return the machines whose data must still be returned; none when the customer chose erasure."""
    if get_leaving(tenant).choice is Choice.ERASE:
        return []
    done = {each.machine for each in journal.read(Step.RETURNED, Returned)}
    return [name for name in with_repository(of_buckets(tenant).machines) if name not in done]


def list_agents_left(tenant: Tenant, journal: Journal) -> list[str]:
    """Return the machines whose agent may still exist."""
    newest = {agent.machine: agent for agent in journal.read(Step.AGENT, Agent)}
    return [name for name in tenant.machines if name not in newest or newest[name].outcome not in GONE]


def find_lock_end(tenant: Tenant, journal: Journal) -> date | None:
    """Return the day on which the platform's last lock on this tenant's data ends."""
    newest = {each.bucket: each for each in journal.read(Step.BUCKET_ERASED, BucketErased)}
    ends = [each.locked.until for each in newest.values() if each.locked is not None]
    return max(ends).astimezone(ZoneInfo(tenant.timezone)).date() if ends else None


def is_verified(journal: Journal) -> bool:
    """Tell whether the newest verification passed."""
    newest = journal.find(Step.VERIFIED, Verified)
    return newest is not None and newest.is_passed


def find_hold_now(tenant: Tenant, checkout: Checkout, log: TenantLog) -> Hold | None:
    """Return the current hold: reads the tenant's file again, only this one, and the records."""
    slug = tenant.slug
    return combine(reload_tenant(checkout, slug).tenants[slug].hold, list_recorded(log))


def refusing_under_hold(tenant: Tenant, checkout: Checkout, log: TenantLog, doing: str) -> Callable[[], None]:
    """Return a guard for deletions: called between steps, it stops the work at a new hold."""

    def refuse() -> None:
        hold = find_hold_now(tenant, checkout, log)
        if hold is not None:
            raise RefusedError(
                f"{tenant.slug} is under a hold ({describe_hold(hold)}): {doing} stops here",
                "The rest stays unchanged. Ask the authority that ordered it; once it is lifted, run this again.",
            )

    return refuse


def _returned_on(journal: Journal) -> date | None:
    """Return the day on which the last data was returned, or left to the customer's own restore at a vendor's."""
    given = (*journal.steps(Step.RETURNED), *journal.steps(Step.RESTORE_LEFT))
    return max((entry.on for entry in given), default=None)
