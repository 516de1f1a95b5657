"""A machine that nobody can reach, during an apply: it is answered, gets what changed, and tells what it runs."""

from collections.abc import Collection
from dataclasses import dataclass

from coffre.agents.applied import Applied
from coffre.observation.reports import find_own_applied, list_reports
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
    """Answer a machine's claim, leave it a new configuration if that changed, and read its own word. May run twice.

    A machine whose key was revoked gets nothing more for its own key, which may be a thief's: it is invited again.
    """
    standing = answer(opened, control, machine)
    last, slug = find_last(opened.log, machine), opened.tenant.slug
    if last is None:
        return HeardMachine(judge_enrolment(slug, standing))
    said = find_own_applied(opened.buckets, opened.secrets, opened.memory, machine)
    if not may_fetch(machine, _list_used_keys(opened, machine, said), control):
        why = (
            "its key was revoked before it had another one. Invite it again: "
            f"`coffre enrol {slug} {machine} --output FOLDER`"
        )
        return HeardMachine(MachineOutcome(machine, MachineState.PENDING, why), said)
    deliveries = Deliveries(opened.tenant, opened.buckets, control, opened.log)
    delivered = deliveries.ensure(machine, Recipient(last.public_key), make_content(opened, control, machine))
    return HeardMachine(judge_word(machine, said, last.number if delivered is None else delivered.number), said)


def judge_enrolment(slug: str, standing: EnrolmentStanding) -> MachineOutcome:
    """Return the state of a machine to which nothing was ever delivered. Pure."""
    if standing.stage is EnrolmentStage.INVITED:
        return MachineOutcome(standing.machine, MachineState.AWAITED, "it is invited, and has not enrolled yet")
    if standing.stage is EnrolmentStage.TO_CONFIRM:
        why = f"it waits for `coffre enrol {slug} {standing.machine} --accept FINGERPRINT --reason TEXT`"
        return MachineOutcome(standing.machine, MachineState.PENDING, why)
    why = f"it is not enrolled. Run `coffre enrol {slug} {standing.machine} --output FOLDER`"
    return MachineOutcome(standing.machine, MachineState.PENDING, why)


def _list_used_keys(opened: OpenTenant, machine: str, said: Applied | None) -> set[str]:
    """Return the ids of the keys in a machine's last words: a check-in may be lost, and its next report is not."""
    reports = list_reports(opened.buckets, opened.secrets, opened.memory, machine, until=lambda _: True)
    return {each.access_key_id for each in (said, *reports[:1]) if each is not None}


def may_fetch(machine: str, used_key_ids: Collection[str], control: ControlBundle) -> bool:
    """Tell whether a machine may have what is left for it, by the ids of the keys that it last used. Pure.

    None of them: it never spoke, and has the key that it was first given.
    """
    subject = rotations.machine_key(machine)
    new, old = rotations.find_key(control, subject), rotations.find_old(control, subject)
    usable = [new] if rotations.is_condemned(control, subject) else [new, old]
    if not used_key_ids:
        return not rotations.is_condemned(control, subject)
    return any(key.access_key_id in used_key_ids for key in usable if isinstance(key, S3Key))


def judge_word(machine: str, said: Applied | None, number: int) -> MachineOutcome:
    """Return the state of an enrolled machine by its last word; ``number`` is that of its last delivery. Pure."""
    if said is None:
        return MachineOutcome(machine, MachineState.AWAITED, "its first configuration")
    if said.delivered < number:
        return MachineOutcome(machine, MachineState.AWAITED, "its new configuration")
    return MachineOutcome(machine, MachineState.UNCHANGED)
