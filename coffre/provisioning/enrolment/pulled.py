"""A machine that nobody can reach, during an apply: it is answered, gets what changed, and tells what it runs."""

from dataclasses import dataclass

from coffre.agents.applied import Applied
from coffre.observation.reports import find_own_applied
from coffre.orders.deliveries import Deliveries, Recipient, find_last
from coffre.provisioning.enrolment.answer import answer
from coffre.provisioning.enrolment.standing import EnrolmentStage, EnrolmentStanding
from coffre.provisioning.steps.setup import make_content
from coffre.provisioning.terms.done import MachineOutcome, MachineState
from coffre.secrets import rotations
from coffre.secrets.bundles import ControlBundle, S3Key
from coffre.tenant.opening import OpenTenant


@dataclass(frozen=True)
class HeardMachine:
    """The state of a machine by what lies in its bucket; ``applied`` is its own word, None before its first one."""

    outcome: MachineOutcome
    applied: Applied | None = None


def hear(opened: OpenTenant, control: ControlBundle, machine: str) -> HeardMachine:
    """Answer a machine's claim, leave it a new configuration if that changed, and read its own word. May run twice."""
    standing = answer(opened, control, machine)
    last, slug = find_last(opened.log, machine), opened.tenant.slug
    if last is None:
        return HeardMachine(judge_enrolment(slug, standing))
    content = make_content(opened, control, machine)
    deliveries = Deliveries(opened.tenant, opened.buckets, control, opened.log)
    delivered = deliveries.ensure(machine, Recipient(last.public_key), content)
    said = find_own_applied(opened.buckets, opened.secrets, opened.memory, machine)
    number = last.number if delivered is None else delivered.number
    return HeardMachine(judge_word(slug, machine, said, control, number), said)


def judge_enrolment(slug: str, standing: EnrolmentStanding) -> MachineOutcome:
    """Return the state of a machine to which nothing was ever delivered. Pure."""
    if standing.stage is EnrolmentStage.INVITED:
        return MachineOutcome(standing.machine, MachineState.AWAITED, "it is invited, and has not enrolled yet")
    if standing.stage is EnrolmentStage.TO_CONFIRM:
        why = f"it waits for `coffre enrol {slug} {standing.machine} --accept FINGERPRINT --reason TEXT`"
        return MachineOutcome(standing.machine, MachineState.PENDING, why)
    why = f"it is not enrolled. Run `coffre enrol {slug} {standing.machine} --output FOLDER`"
    return MachineOutcome(standing.machine, MachineState.PENDING, why)


def judge_word(slug: str, machine: str, said: Applied | None, control: ControlBundle, number: int) -> MachineOutcome:
    """Return the state of an enrolled machine by its last word; ``number`` is that of its last delivery. Pure."""
    if said is None:
        return MachineOutcome(machine, MachineState.AWAITED, "its first configuration")
    subject = rotations.machine_key(machine)
    new, old = rotations.find_key(control, subject), rotations.find_old(control, subject)
    usable = [key.access_key_id for key in (new, old) if isinstance(key, S3Key)]
    if rotations.is_condemned(control, subject):
        usable = usable[:1]
    if said.delivered >= number:
        return MachineOutcome(machine, MachineState.UNCHANGED)
    if said.access_key_id not in usable:
        why = (
            "the key that it last used is revoked, so it cannot fetch the new one. Invite it again: "
            f"`coffre enrol {slug} {machine} --output FOLDER`"
        )
        return MachineOutcome(machine, MachineState.PENDING, why)
    return MachineOutcome(machine, MachineState.AWAITED, "its new configuration")
