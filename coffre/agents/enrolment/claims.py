"""Reads what machines claim with an invitation: hostile input, which counts only with a right MAC. Pure.

The agent's side is agent/internal/enrol.
"""

import base64
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from coffre.agents.enrolment.invitation import fingerprint
from coffre.agents.home import AgentOwner
from coffre.agents.identity import MachineIdentity
from coffre.agents.report import Digest, Line
from coffre.outside.structured import UnreadableJsonError, read_json_object

SIZE_BYTES = 4096
"""The size of every claim: the signed upload takes no other."""

_LABEL = b"coffre claim 1\n"
_AGE_RECIPIENT = r"^age1[a-z0-9]{58}$"


class Claim(BaseModel):
    """A machine's word with which it takes up an invitation: the public key of its own, and what it says of itself."""

    # A newer agent may say more than this Coffre knows.
    model_config = ConfigDict(frozen=True, extra="ignore")

    invitation: Line
    tenant_id: Line
    machine: Line
    public_key: Annotated[str, Field(pattern=_AGE_RECIPIENT)]
    identity: MachineIdentity = MachineIdentity()
    os: Line = ""
    arch: Line = ""
    agent_version: Line = ""
    agent_sha256: Digest | Literal[""] = ""
    """The SHA-256 of its agent's program; "" from an agent that takes no program by a delivery."""

    @property
    def fingerprint(self) -> str:
        """The form of its public key that people compare."""
        return fingerprint(self.public_key)


def read_claim(body: bytes, secret: bytes, invitation: str, owner: AgentOwner) -> Claim | None:
    """Return a claim of somebody who has the invitation; None for anything else. Nothing of it is quoted."""
    try:
        envelope = read_json_object(body.rstrip(b" "), SIZE_BYTES)
        payload, said = envelope.get("claim"), envelope.get("mac")
        if not isinstance(payload, str) or not isinstance(said, str):
            return None
        text = base64.b64decode(payload, validate=True)
        if not hmac.compare_digest(said.encode(), hmac.new(secret, _LABEL + text, sha256).hexdigest().encode()):
            return None
        claim = Claim.model_validate(read_json_object(text, SIZE_BYTES))
    except (UnreadableJsonError, ValidationError, ValueError):
        return None
    return claim if (claim.invitation, claim.tenant_id, claim.machine) == (invitation, *_names(owner)) else None


def _names(owner: AgentOwner) -> tuple[str, str]:
    return owner.tenant_id, owner.machine


@dataclass(frozen=True)
class Claims:
    """The claims of one invitation: the first one counts; ``others`` have another key; ``rubbish`` is not counted."""

    first: Claim | None = None
    others: tuple[Claim, ...] = ()
    rubbish: int = 0


NO_CLAIMS = Claims()


def sort_claims(oldest_first: Iterable[Claim | None]) -> Claims:
    """Return the claims by their worth; None stands for what is no claim. A machine may repeat its own claim."""
    first: Claim | None = None
    others: dict[str, Claim] = {}
    rubbish = 0
    for claim in oldest_first:
        if claim is None:
            rubbish += 1
        elif first is None:
            first = claim
        elif claim.public_key != first.public_key:
            others.setdefault(claim.public_key, claim)
    return Claims(first, tuple(others.values()), rubbish)
