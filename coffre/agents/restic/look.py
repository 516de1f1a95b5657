"""Tells from a deployment that only looked what differs on a machine. Pure."""

import re
from collections.abc import Sequence

from coffre.agents.ansible.events import APPLY
from coffre.agents.driver import AgentDrift, AgentLook, AgentPart, DeployResult

_TASKS = (
    (re.compile(r"configuration|identity|credentials"), AgentPart.CONFIGURATION),
    (re.compile(r"program|director"), AgentPart.PROGRAMS),
)
"""Words in the names of the roles' tasks."""

_CHANGES = (
    (re.compile(r"coffre-backup\.timer: (enable|start)|com\.coffre\.backup: load"), AgentPart.SCHEDULE_OFF),
    (re.compile(r"(coffre-backup|com\.coffre\.backup)\S*: (re)?write|systemd: reload"), AgentPart.SCHEDULE),
    (re.compile(r"\\Coffre\\Backup: register"), AgentPart.SCHEDULE),
    (re.compile(r"credentials\.json: "), AgentPart.CONFIGURATION),
    (re.compile(r"restic \S+: fetch"), AgentPart.RESTIC),
    (re.compile(r"orders: generation "), AgentPart.ORDERS),
)
"""How the agent's own changes begin (`agent/internal`)."""


def judge_look(result: DeployResult, agent_changes: Sequence[str], additions: Sequence[str] = ()) -> AgentLook:
    """Return the look at a machine; ``result`` is that of a deployment that changed nothing.

    ``additions`` are the files of others that the agent found.
    """
    drift = [
        AgentDrift(_find(_TASKS, task, AgentPart.PROGRAMS, whole=False), task)
        for task in result.changes
        if task != APPLY
    ]
    drift += [AgentDrift(_find(_CHANGES, change, AgentPart.STATE), change) for change in agent_changes]
    drift += [AgentDrift(AgentPart.ADDITION, path) for path in additions]
    if APPLY in result.changes and not agent_changes:
        drift.append(AgentDrift(AgentPart.STATE))  # it would change something, and its words cannot be read
    return AgentLook(result.slug, result.machine, result.ok, result.unreachable, result.message, tuple(drift))


def _find(
    known: Sequence[tuple[re.Pattern[str], AgentPart]], text: str, otherwise: AgentPart, *, whole: bool = True
) -> AgentPart:
    for pattern, part in known:
        if pattern.match(text) if whole else pattern.search(text):
            return part
    return otherwise
