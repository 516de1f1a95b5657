"""A machine that nobody can reach, during an apply: it is answered, gets what changed, and tells what it runs."""

from collections.abc import Collection
from dataclasses import dataclass

from coffre.agents.applied import Applied
from coffre.observation.judge.identity import is_another_machine
from coffre.observation.reports import find_applied, list_reports
from coffre.orders.deliveries import Deliveries, Recipient, find_last
from coffre.provisioning.enrolment.answer import answer
from coffre.provisioning.enrolment.programs import RunningAgent, offer_program
from coffre.provisioning.enrolment.standing import EnrolmentStage, EnrolmentStanding
from coffre.provisioning.steps.setup import make_content
from coffre.provisioning.terms.done import MachineOutcome, MachineState
from coffre.records.facts.agents import KeyRotated
from coffre.records.facts.enrolment import ConfigurationDelivered
from coffre.secrets import rotations
from coffre.secrets.bundles import ControlBundle, S3Key
from coffre.tenant.estate.log import Log, RecordedFact
from coffre.tenant.opening import OpenTenant


@dataclass(frozen=True)
class HeardMachine:
    """The state of a machine by what lies in its bucket; ``applied`` is its own word, None before its first one.

    ``other`` is the word of another machine that lies in its place.
    """

    outcome: MachineOutcome
    applied: Applied | None = None
    other: Applied | None = None


def hear(opened: OpenTenant, control: ControlBundle, machine: str) -> HeardMachine:
    """Answer a machine's claim, leave it a new configuration if that changed, and read its own word. May run twice.

    A machine whose key was revoked gets nothing more for its own key, which may be a thief's: it is invited again.
    """
    standing = answer(opened, control, machine)
    last, slug = find_last(opened.log, machine), opened.tenant.slug
    if last is None:
        return HeardMachine(judge_enrolment(slug, standing))
    said, other = _read_word(opened, machine)
    answered = _find_answer(opened.log, machine, last)
    used = _list_used_keys(opened, machine, said) if has_spoken(said, answered) else set[str]()
    if not may_fetch(machine, used, control, has_newest=_is_answered_since_cut(opened.log, machine, answered)):
        why = (
            "its key was revoked before it had another one. Invite it again: "
            f"`coffre enrol {slug} {machine} --output FOLDER`"
        )
        return HeardMachine(MachineOutcome(machine, MachineState.PENDING, why), said, other)
    deliveries = Deliveries(opened.tenant, opened.buckets, control, opened.log)
    program = offer_program(opened, machine, _running(said, last))
    content = make_content(opened, control, machine, program)
    last = deliveries.ensure(machine, Recipient(last.public_key), content) or last
    own = said if has_spoken(said, answered) else None
    return HeardMachine(judge_word(machine, own, last), own, other)


def _read_word(opened: OpenTenant, machine: str) -> tuple[Applied | None, Applied | None]:
    """Return what lies in a bucket as the machine's word: its own, or else another machine's."""
    said = find_applied(opened.buckets, opened.secrets, opened.memory, machine)
    if said is not None and is_another_machine(opened.memory.recall(machine), said.identity, said.at):
        return None, said
    return said, None


def _running(said: Applied | None, last: ConfigurationDelivered) -> RunningAgent:
    """Return the agent of a machine by its word; before that, by what it was offered when it enrolled."""
    return RunningAgent(last.agent_sha256, "") if said is None else RunningAgent(said.agent_sha256, said.agent_version)


def _find_answer(log: Log, machine: str, last: ConfigurationDelivered) -> RecordedFact[ConfigurationDelivered]:
    """Return the delivery that answered a machine's last invitation."""
    found = log.list(ConfigurationDelivered, machine)
    return next(each for each in found if each.fact.invitation == last.invitation)


def has_spoken(said: Applied | None, answered: RecordedFact[ConfigurationDelivered]) -> bool:
    """Tell whether a machine's word is from after the answer to its last invitation, and not its predecessor's."""
    return said is not None and said.delivered >= answered.fact.number


def _is_answered_since_cut(log: Log, machine: str, answered: RecordedFact[ConfigurationDelivered]) -> bool:
    """Tell whether a machine was answered since its last key was revoked: it was given the key that counts."""
    cuts = [each.at for each in log.list(KeyRotated, machine) if each.fact.stage == "cut"]
    return all(answered.at > at for at in cuts)


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


def may_fetch(machine: str, used_key_ids: Collection[str], control: ControlBundle, *, has_newest: bool = False) -> bool:
    """Tell whether a machine may have what is left for it, by the ids of the keys that it last used. Pure.

    None of them: it never spoke, and has the key that it was first given. That one counts also after a key was revoked
    when the machine ``has_newest``: it was answered after that.
    """
    subject = rotations.machine_key(machine)
    new, old = rotations.find_key(control, subject), rotations.find_old(control, subject)
    usable = [new] if rotations.is_condemned(control, subject) else [new, old]
    if not used_key_ids:
        return has_newest or not rotations.is_condemned(control, subject)
    return any(key.access_key_id in used_key_ids for key in usable if isinstance(key, S3Key))


def judge_word(machine: str, said: Applied | None, last: ConfigurationDelivered) -> MachineOutcome:
    """Return the state of an enrolled machine by its last word; ``last`` is its last delivery. Pure."""
    if said is None:
        return MachineOutcome(machine, MachineState.AWAITED, "it was answered, and has not spoken yet")
    if said.delivered < last.number:
        return MachineOutcome(machine, MachineState.AWAITED, "its new configuration")
    if last.agent_sha256 not in ("", said.agent_sha256):
        return MachineOutcome(machine, MachineState.AWAITED, "its new agent")
    return MachineOutcome(machine, MachineState.UNCHANGED)
