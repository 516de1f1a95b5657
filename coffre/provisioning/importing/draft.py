"""The tenant file of a found tenant, as far as it tells it: the rest is asked. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from coffre.errors import RefusedError
from coffre.provisioning.importing.found import FoundMachine, FoundPart, FoundTenant
from coffre.records.facts.agents import FIRST_AGENT
from coffre.spec.values.schedule import Weekday
from coffre.spec.values.sizes import write_size

PLAN = "plan"


def draft_tenant(found: FoundTenant) -> dict[str, Any]:
    """Return the data of the file, with the keys of a tenant file."""
    plans, machines = _draft_machines(found)
    storage: dict[str, Any] = {"platform": found.platform}
    if found.quota_bytes is not None:
        storage["quota"] = write_size(found.quota_bytes)
    if found.parts:
        storage["parts"] = {name: _draft_part(part) for name, part in found.parts.items()}
    if found.undelete_days is not None:
        storage["undelete_days"] = found.undelete_days
    if found.copy_platform is not None:
        storage["copy"] = {"platform": found.copy_platform}
    draft: dict[str, Any] = {"version": 1, "id": found.identity.id}
    if found.owner.display_name:
        draft["name"] = found.owner.display_name
    zones = sorted(
        {str(each.orders["timezone"]) for each in found.machines if each.orders and "timezone" in each.orders}
    )
    if zones:
        draft["timezone"] = zones[0]
    if found.is_shut_out:
        draft["status"] = "suspended"
    draft["storage"] = storage
    licences = found.past.licences if found.past.licences is not None else found.licences_granted
    if licences:
        draft["licences"] = dict(licences)
    if found.past.options:
        draft["options"] = list(found.past.options)
    return {**draft, "plans": plans, "machines": machines}


def refuse_lost_retirement(found: FoundTenant, data: Mapping[str, Any]) -> None:
    """Refuse a file that takes a retired machine for one in service: an apply would give it a user and a key again."""
    for machine in found.machines:
        if not machine.has_user and not data.get("machines", {}).get(machine.name, {}).get("retired"):
            raise RefusedError(
                f"{machine.name} has a bucket and no user on {found.platform}: it is retired, and nothing tells until "
                "when its backups are kept",
                f"Write `machines: {{{machine.name}: {{retired: {{on: DATE, keep_until: DATE}}}}}}` into the answers.",
            )


def refuse_lost_hold(found: FoundTenant, data: Mapping[str, Any]) -> None:
    """Refuse a file without the hold under which the buckets seem to be: an apply would let their versions expire."""
    if found.is_kept and not found.past.is_held and not data.get("hold"):
        raise RefusedError(
            f"{found.platform} expires nothing of {found.identity.slug}, as under a hold, and no hold is known",
            "Find the order, and write `hold:` into the answers. If there certainly is none, give --not-held: the next "
            "apply then lets earlier versions expire again.",
        )


def _draft_part(part: FoundPart) -> dict[str, Any]:
    quota = {} if part.quota_bytes is None else {"quota": write_size(part.quota_bytes)}
    return {**quota, **({"licences": dict(part.licences)} if part.licences else {})}


def _draft_machines(found: FoundTenant) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the plans that the machines' orders have, each once, and the machines."""
    plans: dict[str, Any] = {}
    machines: dict[str, Any] = {}
    for machine in found.machines:
        machines[machine.name] = _draft_agent(machine)
        days = found.past.retired.get(machine.name)
        if days is not None and not machine.has_user:
            machines[machine.name]["retired"] = {"on": days[0].isoformat(), "keep_until": days[1].isoformat()}
        plan = None if machine.orders is None else _draft_plan(machine.orders)
        if plan is not None:
            known = next((name for name, each in plans.items() if each == plan), None)
            name = known or (f"{PLAN}-{len(plans) + 1}")
            plans[name] = plan
            machines[machine.name]["plan"] = name
    return plans, machines


def _draft_agent(machine: FoundMachine) -> dict[str, Any]:
    """Return what the records know of a machine without orders: its agent, its kind and its plan by name."""
    agent = machine.deployed
    if agent is None:
        return {"agent": FIRST_AGENT}
    named = {"kind": agent.licence, "agent": agent.agent, "plan": agent.plan}
    return {key: value for key, value in named.items() if value}


def _draft_plan(orders: Mapping[str, Any]) -> dict[str, Any] | None:
    ordered = orders.get("plan")
    if not isinstance(ordered, dict):
        return None
    plan = {key: ordered[key] for key in ("paths", "exclude") if ordered.get(key)}
    times = [f"{_days(each['days'])} {each['at']}" for each in ordered.get("schedule", [])]
    return {**plan, "schedule": times}


def _days(days: Sequence[str]) -> str:
    week = [str(day) for day in Weekday]
    if sorted(days) == sorted(week):
        return "daily"
    ordered = [day for day in week if day in days]
    first = week.index(ordered[0])
    is_row = len(ordered) > 2 and ordered == week[first : first + len(ordered)]
    return f"{ordered[0]}..{ordered[-1]}" if is_row else ",".join(ordered)
