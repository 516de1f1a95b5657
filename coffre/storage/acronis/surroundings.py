"""What the vendor tells of a customer's agents and of open alerts, as the plain values of every platform. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final

from coffre.acronis.identifiers import AgentId, ResourceId
from coffre.acronis.values.agents import Agent, Health, Resource, ResourceStatus
from coffre.acronis.values.monitoring import Alert, Severity
from coffre.storage.surroundings import AlertSeverity, FoundAgent, OpenAlert, Surroundings

SEVERITIES: Final[Mapping[Severity, AlertSeverity]] = {
    Severity.WARNING: AlertSeverity.WARNING,
    Severity.UNKNOWN: AlertSeverity.WARNING,
    Severity.ERROR: AlertSeverity.ERROR,
    Severity.CRITICAL: AlertSeverity.CRITICAL,
}
"""Those of alerts that are told; what the vendor finds in order, or only informs of, is none."""


def describe_surroundings(
    agents: Sequence[Agent], machines: Sequence[Resource], states: Sequence[ResourceStatus], alerts: Sequence[Alert]
) -> Surroundings:
    """Return the agents with their machines' states, and the alerts that nobody dismissed."""
    agent_of = _find_agents(agents, machines)
    health = {agent_of[each.context.id]: each.aggregate.status for each in states if each.context.id in agent_of}
    return Surroundings(
        agents=tuple(
            FoundAgent(str(each.id), each.hostname, each.online, _has_plan(health.get(each.id))) for each in agents
        ),
        alerts=tuple(
            OpenAlert(
                each.type,
                SEVERITIES[each.severity],
                each.created_at,
                "" if each.resource is None or each.resource not in agent_of else str(agent_of[each.resource]),
            )
            for each in alerts
            if each.severity in SEVERITIES and each.deleted_at is None
        ),
    )


def _find_agents(agents: Sequence[Agent], machines: Sequence[Resource]) -> dict[ResourceId, AgentId]:
    """Return the agent of each machine: the one that it names, else the only one with its name."""
    found: dict[ResourceId, AgentId] = {}
    for machine in machines:
        named = [each.id for each in agents if each.hostname and each.hostname.lower() == machine.name.lower()]
        if machine.agent_id is not None:
            found[machine.id] = machine.agent_id
        elif len(named) == 1:
            found[machine.id] = named[0]
    return found


def _has_plan(health: Health | None) -> bool | None:
    """Tell whether a machine has a plan that is on; None for a state that does not say it."""
    if health is None or health is Health.UNKNOWN:
        return None
    return health is not Health.NOT_PROTECTED
