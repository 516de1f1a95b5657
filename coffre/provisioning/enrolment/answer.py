"""Answers the claims of invited machines: each invitation once, to the machine that took it up first."""

from collections.abc import Collection
from dataclasses import replace

from coffre.agents.home import AgentOwner
from coffre.errors import RefusedError
from coffre.operations.acknowledge.acknowledge import check_reason
from coffre.operations.acknowledge.replaced_machine import Replacement, give_away, meet
from coffre.orders.control import known_seeds, signing_seeds
from coffre.orders.deliveries import Deliveries, Recipient, find_last
from coffre.provisioning.enrolment.programs import RunningAgent, offer_program
from coffre.provisioning.enrolment.standing import EnrolmentStage, EnrolmentStanding, SigningKeys, look
from coffre.provisioning.steps.setup import make_content
from coffre.records.facts.enrolment import EnrolmentMisused
from coffre.secrets.bundles import ControlBundle
from coffre.tenant.opening import OpenTenant
from coffre.workspace.clock import utc_now

NAME_LIMIT = 64
"""How much of a machine's own name is kept."""


def look_at_enrolment(opened: OpenTenant, machine: str) -> EnrolmentStanding:
    """Return how far the enrolment of a machine is; changes nothing."""
    control = opened.secrets.find_control()
    if control is None:
        opened.machine(machine)
        return EnrolmentStanding(machine, EnrolmentStage.NOT_INVITED)
    return _look(opened, control, machine)


def _look(opened: OpenTenant, control: ControlBundle, machine: str) -> EnrolmentStanding:
    opened.machine(machine)
    keys = SigningKeys(signing_seeds(control), known_seeds(control))
    owner = AgentOwner(opened.tenant.id, machine)
    return look(opened.log, opened.buckets.open(machine), owner, keys, utc_now())


def answer(opened: OpenTenant, control: ControlBundle, machine: str) -> EnrolmentStanding:
    """Answer the claim of a machine if it needs nobody's confirmation; returns the standing afterwards.

    A stolen or doubled invitation is recorded. Under the tenant's lock; may run twice, also after a kill.
    """
    standing = _look(opened, control, machine)
    _record_misuse(opened, standing)
    if standing.stage is EnrolmentStage.CLAIMED or _lost_its_answer(opened, control, standing):
        return _deliver(opened, control, standing)
    return standing


def _lost_its_answer(opened: OpenTenant, control: ControlBundle, standing: EnrolmentStanding) -> bool:
    """Tell whether the answer to the claim that counts was recorded, and is not there."""
    last, claim = find_last(opened.log, standing.machine), standing.claim
    if standing.stage is not EnrolmentStage.ENROLLED or last is None or claim is None:
        return False
    return last.public_key == claim.public_key and _deliveries(opened, control).is_lost(standing.machine)


def _deliveries(opened: OpenTenant, control: ControlBundle) -> Deliveries:
    return Deliveries(opened.tenant, opened.buckets, control, opened.log)


def accept(
    opened: OpenTenant, control: ControlBundle, machine: str, fingerprint: str, reason: str
) -> EnrolmentStanding:
    """Answer the machine whose fingerprint a person read on it, although its name has backups already.

    If it is another machine than the accepted one, that one's place is given away, with the reason.
    """
    check_reason(reason)
    standing = _look(opened, control, machine)
    _record_misuse(opened, standing)
    claim = standing.claim
    if standing.stage not in (EnrolmentStage.TO_CONFIRM, EnrolmentStage.CLAIMED) or claim is None:
        raise RefusedError(
            f"{opened.tenant.slug}/{machine} has no claim to accept",
            f"`coffre enrol {opened.tenant.slug} {machine} --answer` says how far it is.",
        )
    if fingerprint.lower() != claim.fingerprint:
        raise RefusedError(
            f"the machine that took up the invitation of {opened.tenant.slug}/{machine} has another fingerprint",
            "Somebody else used it first: revoke it (--revoke), and make a new one.",
        )
    before = opened.memory.read(machine).accepted
    if before is not None and meet(opened.memory, machine, claim.identity):
        give_away(opened.tenant, opened.log, opened.memory, Replacement((machine,), reason))
    return _deliver(opened, control, standing)


def _deliver(opened: OpenTenant, control: ControlBundle, standing: EnrolmentStanding) -> EnrolmentStanding:
    assert standing.claim is not None and standing.invitation is not None  # noqa: S101, PT018 - a claimed one has both
    claim, machine = standing.claim, standing.machine
    if opened.machine(machine).is_retired:
        raise RefusedError(
            f"{opened.tenant.slug}/{machine} is retired: no machine gets its place",
            "Remove `retired:` from its file, apply that, and invite it again.",
        )
    # This machine is the accepted one from now on, and not whichever speaks first under its name.
    meet(opened.memory, machine, claim.identity)
    recipient = Recipient(claim.public_key, standing.invitation.invitation, claim.identity.host_name[:NAME_LIMIT])
    program = offer_program(opened, machine, RunningAgent(claim.agent_sha256, claim.agent_version))
    _deliveries(opened, control).ensure(machine, recipient, make_content(opened, control, machine, program))
    return replace(standing, stage=EnrolmentStage.ENROLLED)


def _record_misuse(opened: OpenTenant, standing: EnrolmentStanding) -> None:
    """Record other machines that used an invitation, once for each set of them."""
    if standing.invitation is None:
        return
    fingerprints = _list_others(opened, standing)
    fact = EnrolmentMisused(standing.invitation.invitation, tuple(fingerprints))
    recorded = [each.fact for each in opened.log.list(EnrolmentMisused, standing.machine)]
    if fingerprints and fact not in recorded:
        opened.log.append(fact, standing.machine)


def _list_others(opened: OpenTenant, standing: EnrolmentStanding) -> Collection[str]:
    """Return the fingerprints of all claimants but the one that was answered, or will be."""
    claims = [*([] if standing.claim is None else [standing.claim]), *standing.claims.others]
    last = find_last(opened.log, standing.machine)
    is_answered = standing.stage is EnrolmentStage.ENROLLED and last is not None
    ours = last.public_key if is_answered and last is not None else (claims[0].public_key if claims else "")
    return sorted({each.fingerprint for each in claims if each.public_key != ours})
