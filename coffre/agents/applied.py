"""An agent's statement after each apply of its orders: `reports/.applied`, written with its current key."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from coffre.agents.identity import MachineIdentity
from coffre.agents.report import Count, Digest, Line, check_moment, parse_document


class Applied(BaseModel):
    """One successful `coffre-agent apply`; ``at`` is the machine's own clock, the public key base64 of the raw one.

    ``number`` counts the machine's statements on its orders (None: an agent older than this field).
    """

    # A newer agent may report more fields than this Coffre knows.
    model_config = ConfigDict(frozen=True, extra="ignore")

    version: Annotated[int, Field(ge=1, le=1)]
    tenant_id: Line
    machine: Line
    at: AwareDatetime
    generation_applied: Count
    access_key_id: Line
    signing_public_key: Line
    agent_version: Line = ""
    agent_sha256: Digest | Literal[""] = ""
    """The SHA-256 of its agent's program; "" from an agent that takes no program by a delivery."""
    number: Count | None = None
    delivered: Count = 0
    """The number of the delivery that its configuration came with; 0 for a deployment, or an older agent."""
    removed: bool = False
    """The orders were to remove the agent: this is its last statement."""
    identity: MachineIdentity | None = None


def parse_applied(body: bytes, now: datetime) -> Applied:
    """Read an agent's document; InvalidReportError names the wrong field, without quoting it."""
    applied = parse_document(body, Applied, "reports/.applied")
    check_moment(applied.at, now, "reports/.applied", "at")
    return applied
