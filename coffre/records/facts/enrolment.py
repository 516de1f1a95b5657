"""Facts about machines that nobody can reach: their invitations, and the configurations that were left for them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from coffre.records.details import OPTIONAL
from coffre.records.facts.fact import Fact


@dataclass(frozen=True)
class EnrolmentInvited(Fact):
    """A machine was invited to enrol once, until a moment.

    ``needs_confirmation``: a person names the fingerprint of the claimant before it is answered.
    """

    invitation: str
    expires_at: datetime
    needs_confirmation: bool


@dataclass(frozen=True)
class EnrolmentRevoked(Fact):
    """An invitation was revoked before it was answered."""

    invitation: str
    reason: str


@dataclass(frozen=True)
class EnrolmentMisused(Fact):
    """An invitation was used by other machines than the one that was answered; each with its fingerprint."""

    invitation: str
    fingerprints: tuple[str, ...]


@dataclass(frozen=True)
class ConfigurationDelivered(Fact):
    """A configuration was left in a machine's bucket, for the holder of one key alone; recorded before it is written.

    ``number`` counts the machine's deliveries from 1; ``public_key`` is the machine's age recipient; ``invitation`` is
    the machine's last one, which the first delivery after it answers. ``host_name`` is the machine's own word.
    ``agent_sha256`` is of the agent's program that the delivery names, empty when it names none.
    """

    number: int
    public_key: str
    content_sha256: str
    invitation: Annotated[str, OPTIONAL] = ""
    host_name: Annotated[str, OPTIONAL] = ""
    agent_sha256: Annotated[str, OPTIONAL] = ""
