"""What a platform with agents of its own tells beside its figures: which agents a tenant has there, and open alerts.

Names in it are chosen on customers' machines and in the vendor's portal: they may be hostile.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

MAX_ENTRIES = 1000
"""So many agents or alerts of one tenant are taken; there are never more than a few of each."""


class AlertSeverity(StrEnum):
    """How bad an alert is, by the vendor's own categories."""

    WARNING = "warning"
    """Also what nobody knows."""
    ERROR = "error"
    CRITICAL = "critical"


@dataclass(frozen=True)
class OpenAlert:
    """An alert that nobody dismissed: its ``type`` in the vendor's words, and the agent that it is about, if any."""

    type: str
    severity: AlertSeverity
    raised_at: datetime | None
    agent_id: str = ""


@dataclass(frozen=True)
class FoundAgent:
    """An agent that a tenant has on the platform; ``has_plan`` is None when it does not tell."""

    agent_id: str
    host_name: str
    is_online: bool
    has_plan: bool | None


@dataclass(frozen=True)
class Surroundings:
    """What the platform tells of one tenant now."""

    agents: Sequence[FoundAgent] = ()
    alerts: Sequence[OpenAlert] = ()
