"""Machines that move to a vendor's agent: when the new one has arrived, and the one before is needed no more."""

from dataclasses import replace

from coffre.agents.home import AgentOwner
from coffre.errors import ExpectedError
from coffre.tenant.estate.agents import find_installation
from coffre.tenant.opening import OpenTenant


def settle_arrivals(opened: OpenTenant) -> OpenTenant:
    """Return a tenant whose moving machines keep the agent before only until the new one has a good backup."""
    waiting = {name: opened.machine(name) for name in opened.tenant.arriving if not has_arrived(opened, name)}
    if len(waiting) == len(opened.tenant.arriving):
        return opened
    return replace(opened, tenant=opened.tenant.as_arrived().with_arriving(waiting))


def has_arrived(opened: OpenTenant, name: str) -> bool:
    """Tell whether the new agent of a machine that moves has a good backup since it was installed: its vendor's word.

    False as well while the vendor cannot be asked: the agent before goes on.
    """
    kind = opened.tenant.arriving[name].agent
    installed = find_installation(opened.log, name, kind)
    if installed is None:
        return False
    try:
        success = opened.as_arrived.agents.open(name).hear(AgentOwner(opened.tenant.id, name)).success
    except ExpectedError as problem:
        opened.on_notice(f"{name}: its new agent could not be asked: {problem.message}. {problem.hint}")
        return False
    return success is not None and success.finished_at >= installed.at.replace(microsecond=0)
