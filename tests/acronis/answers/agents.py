"""Agents and resources: by the tenant's number, never its UUID, and without customers who see to themselves."""

import re
from collections.abc import Sequence

from tests.acronis.calls import Answer, Call, answers
from tests.acronis.refusals import Refused
from tests.acronis.world import Record, shown

_PATTERNS = {"like": "{}", "hlike": "{}.*", "tlike": ".*{}"}


@answers("listAgents")
def _list(call: Call) -> Answer:
    return call.page(_choose)


def _choose(call: Call) -> Sequence[Record]:
    root, query = call.reach_numbered(), call.query
    found = [agent for agent in call.world.agents.values() if call.sees(agent, root)]
    if "hostname" in query:
        matches = _read_hostname(query["hostname"])
        found = [agent for agent in found if matches.fullmatch(agent["hostname"])]
    if "online" in query:
        found = [agent for agent in found if agent["online"] == query["online"]]
    if "os_family" in query:
        found = [agent for agent in found if agent["platform"]["family"] == query["os_family"]]
    if "order" in query:
        found.sort(key=lambda agent: agent["hostname"], reverse=query["order"].startswith("desc"))
    return [shown(agent) for agent in found]


def _read_hostname(text: str) -> re.Pattern[str]:
    """Return what a filter means: exact, or by a function; `like` takes `*` for anything (unverified)."""
    called = re.fullmatch(r"(like|hlike|tlike)\((.*)\)", text)
    if called is None:
        return re.compile(re.escape(text))
    inner = ".*".join(re.escape(part) for part in called[2].split("*"))
    return re.compile(_PATTERNS[called[1]].format(inner), re.IGNORECASE)


@answers("deleteAgent")
def _delete(call: Call) -> Answer:
    agent = call.world.agents.get(call.query["id"])
    if agent is None:
        raise Refused(404, "The agent is not found.")
    call.reach(agent["_tenant_id"])
    del call.world.agents[agent["id"]]
    # Neither the software on the machine nor what it backed up goes: the resource stays.
    return Answer(204)


@answers("listResources")
def _list_resources(call: Call) -> Answer:
    return call.page(_choose_resources)


def _choose_resources(call: Call) -> Sequence[Record]:
    root, query = call.reach_numbered(), call.query
    found = [shown(each) for each in call.world.resources.values() if call.sees(each, root)]
    found = [each for each in found if query.get("type") in (None, each["type"])]
    if not query.get("include_attributes"):
        found = [{key: value for key, value in each.items() if key != "attributes"} for each in found]
    return found


@answers("listResourceStatuses")
def _list_statuses(call: Call) -> Answer:
    return call.page(_choose_statuses)


def _choose_statuses(call: Call) -> Sequence[Record]:
    root, world = call.reach_numbered(), call.world
    protected = {each["resource_id"] for each in world.applied}
    return [
        {
            "context": {"id": each["id"], "name": each["name"], "tenant_id": each["tenant_id"]},
            "aggregate": {"status": each["_status"] if each["id"] in protected else "not_protected"},
        }
        for each in world.resources.values()
        if call.sees(each, root)
    ]
