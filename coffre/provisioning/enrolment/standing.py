"""How far the enrolment of a machine is, by the records and the claims in its bucket."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from coffre.agents.enrolment.claims import NO_CLAIMS, SIZE_BYTES, Claim, Claims, read_claim, sort_claims
from coffre.agents.enrolment.invitation import derive_secret
from coffre.agents.home import AgentOwner
from coffre.errors import RefusedError
from coffre.orders.deliveries import find_last
from coffre.records.facts.enrolment import EnrolmentInvited, EnrolmentRevoked
from coffre.spec import naming
from coffre.spec.access import find_reason
from coffre.spec.tenant import PullConnection, Tenant
from coffre.storage.driver import Bucket
from coffre.tenant.estate.log import Log
from coffre.tenant.lookup import find_machine

MAX_CLAIMS = 50
"""How many versions of a claim are read, the oldest first: a thief of an invitation can write any number of them."""


class EnrolmentStage(StrEnum):
    """The stage of a machine's enrolment."""

    NOT_INVITED = "not_invited"
    INVITED = "invited"
    """The invitation is open, and no machine has taken it up."""
    TO_CONFIRM = "to_confirm"
    """A machine has taken it up; a person has to name its fingerprint, since the machine's name has backups."""
    CLAIMED = "claimed"
    """A machine has taken it up, and gets its configuration with the next command."""
    EXPIRED = "expired"
    REVOKED = "revoked"
    KEY_CHANGED = "key_changed"
    """The tenant's signing key was replaced after the invitation: its answer would not be trusted."""
    ENROLLED = "enrolled"


@dataclass(frozen=True)
class EnrolmentStanding:
    """The stage of a machine's enrolment, its last invitation, and the claims of that."""

    machine: str
    stage: EnrolmentStage
    invitation: EnrolmentInvited | None = None
    claims: Claims = NO_CLAIMS

    @property
    def claim(self) -> Claim | None:
        """The claim that counts."""
        return self.claims.first


@dataclass(frozen=True)
class SigningKeys:
    """The raw seeds that sign a tenant's documents now, and all that may have made an invitation."""

    current: Sequence[bytes]
    known: Sequence[bytes]


def find_invitation(log: Log, machine: str) -> EnrolmentInvited | None:
    """Return the last invitation of a machine: a newer one takes the place of an earlier one."""
    found = log.last(EnrolmentInvited, machine)
    return None if found is None else found.fact


def judge_stage(log: Log, machine: str, now: datetime) -> EnrolmentStage:
    """Return the stage by the records alone: claims are not looked at, so an open invitation is INVITED."""
    invitation, delivered = find_invitation(log, machine), find_last(log, machine)
    if invitation is None:
        return EnrolmentStage.NOT_INVITED if delivered is None else EnrolmentStage.ENROLLED
    if delivered is not None and delivered.invitation == invitation.invitation:
        return EnrolmentStage.ENROLLED
    if any(each.fact.invitation == invitation.invitation for each in log.list(EnrolmentRevoked, machine)):
        return EnrolmentStage.REVOKED
    return EnrolmentStage.EXPIRED if now >= invitation.expires_at else EnrolmentStage.INVITED


def look(log: Log, bucket: Bucket, owner: AgentOwner, keys: SigningKeys, now: datetime) -> EnrolmentStanding:
    """Return how far a machine's enrolment is; reads the claims of its last invitation, also of an answered one."""
    machine = owner.machine
    stage, invitation = judge_stage(log, machine, now), find_invitation(log, machine)
    if invitation is None or stage in (EnrolmentStage.REVOKED, EnrolmentStage.EXPIRED):
        return EnrolmentStanding(machine, stage, invitation)
    bodies = _read_bodies(bucket, invitation.invitation)
    for seed in keys.known:
        secret = derive_secret(seed, invitation.invitation, owner)
        claims = sort_claims(read_claim(body, secret, invitation.invitation, owner) for body in bodies)
        if claims.first is not None:
            return EnrolmentStanding(machine, _advance(stage, invitation, seed in keys.current), invitation, claims)
    return EnrolmentStanding(machine, stage, invitation, Claims(rubbish=len(bodies)))


def _advance(stage: EnrolmentStage, invitation: EnrolmentInvited, is_current: bool) -> EnrolmentStage:
    if stage is EnrolmentStage.ENROLLED:
        return stage
    if not is_current:
        return EnrolmentStage.KEY_CHANGED
    return EnrolmentStage.TO_CONFIRM if invitation.needs_confirmation else EnrolmentStage.CLAIMED


def _read_bodies(bucket: Bucket, invitation: str) -> list[bytes]:
    """Return what was written as a claim, the oldest first; what cannot be read is empty."""
    key = naming.claim_key(invitation)
    versions = [each for each in bucket.list_versions(key) if each.key == key and not each.is_marker]
    # A stable order for equal times: listings have the newest first.
    versions.reverse()
    oldest = sorted(versions, key=lambda each: each.modified_at)[:MAX_CLAIMS]
    found = (bucket.find_version(key, each.version_id, SIZE_BYTES) for each in oldest)
    return [body if isinstance(body, bytes) else b"" for body in found]


def refuse_not_enrolling(tenant: Tenant, machine: str) -> None:
    """Refuse (RefusedError) a machine that does not enrol itself, is retired, or is shut out by the file. Pure."""
    slug, facts = tenant.slug, find_machine(tenant, machine)
    if not isinstance(facts.connection, PullConnection):
        raise RefusedError(
            f"{slug}/{machine} is reached by {facts.connection.via}, so `coffre apply {slug}` installs its agent",
            "If nobody can reach it from outside, write `connection: {via: pull}` in its file, and apply that first.",
        )
    if facts.is_retired:
        raise RefusedError(f"{slug}/{machine} is retired", "Remove `retired:` from its file, and apply that first.")
    blocked = find_reason(tenant)
    if blocked is not None:
        raise RefusedError(
            f"{slug} is closed to its machines ({blocked}), so none can enrol",
            "Invite the machine when that has ended and is applied.",
        )
