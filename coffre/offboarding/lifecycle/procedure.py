"""offboard: does the work of each stage of a departure, as far as it is due today.

Every step may run twice, also after a kill: it compares the journal with the current state, and does the rest.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property, partial
from pathlib import Path

from coffre.offboarding.approval.approval import get_approval
from coffre.offboarding.approval.people import Acted, People
from coffre.offboarding.erase import tenant as erasure
from coffre.offboarding.erase.owners import describe_proved, prove_owners
from coffre.offboarding.handover import tenant as returning_all
from coffre.offboarding.handover.vendors import leave_restores
from coffre.offboarding.lifecycle import closing, dismantling, freezing
from coffre.offboarding.lifecycle.calendar import Calendar
from coffre.offboarding.lifecycle.clock import read_today
from coffre.offboarding.lifecycle.due import gather_facts, get_leaving, list_agents_left
from coffre.offboarding.lifecycle.evidence import Agent, Approved, OwnerProved, Step
from coffre.offboarding.lifecycle.journal import Journal
from coffre.offboarding.lifecycle.stages import Transition, Waiting, find_transition, is_late, refuse_renouncing
from coffre.offboarding.notices.letting_know import Desk
from coffre.provisioning.rules import refuse_changed_agents
from coffre.records.facts.departure import Stage
from coffre.signing.statements import Act
from coffre.spec.loader import Checkout
from coffre.tenant.departure import find_stage
from coffre.tenant.opening import OpenTenant
from coffre.tenant.runs import lock_recorded
from coffre.tenant.second_copy import find_copy_platform, refuse_moved_copy

OnProgress = Callable[[str], None]


@dataclass(frozen=True)
class DepartureOutcome:
    """The result of one run: the reached stage, the work done, and the next step with its date."""

    tenant: str
    stage: Stage | None
    calendar: Calendar | None
    done: tuple[str, ...]
    waiting: Waiting | None
    is_late: bool = False
    documents: tuple[str, ...] = ()


@dataclass(frozen=True)
class Manner:
    """The options of a run: progress messages, the question before an erasure, letters, and signatures.

    ``confirm`` is called with a question and raises when the answer is no; ``resends`` sends a letter again when it is
    unknown whether it was sent. ``key`` signs approvals, erasures and verifications; in a git host's pipeline
    ``on_behalf_of`` a person whom the host knows.
    """

    on_progress: OnProgress
    confirm: Callable[[str], None]
    resends: bool = False
    key: Path | None = None
    on_behalf_of: str | None = None


@dataclass
class Departure:
    """One tenant's departure, during one command."""

    opened: OpenTenant
    journal: Journal
    manner: Manner
    done: list[str] = field(default_factory=list)
    documents: list[str] = field(default_factory=list)

    @cached_property
    def people(self) -> People:
        """The people of the departure, as far as they are proved."""
        return People(self.opened.checkout, self.opened.embedded, self.journal)

    @property
    def desk(self) -> Desk:
        """Sends the letters to the customer."""
        return Desk(self.opened, self.journal, self.manner.resends)

    def prove(self, act: Act, subject: str) -> Acted | None:
        """Let the current person sign an act, if a key is given or required."""
        acted = self.people.prove(act, subject, self.manner.key, self.manner.on_behalf_of)
        if acted is not None:
            self.manner.on_progress(f"signed by {acted.name} ({acted.identity.fingerprint})")
        return acted

    def say(self, text: str) -> None:
        self.done.append(text)
        self.manner.on_progress(text)


@contextmanager
def open_departure(
    checkout: Checkout, slug: str, command: str, asked_day: date | None, manner: Manner, machine: str | None = None
) -> Iterator[Departure]:
    """Open a tenant's departure for a command that changes something: locked, recorded, and never back in time."""
    with lock_recorded(checkout, slug, command, manner.on_progress) as opened:
        # What cannot be returned, and would be erased, must not be passed over.
        refuse_changed_agents(opened.tenant, opened.buckets.existing())
        refuse_moved_copy(opened.tenant, find_copy_platform(opened.log))
        journal = Journal(opened.log, read_today(opened.tenant, opened.embedded, asked_day), machine)
        journal.refuse_earlier_day()
        yield Departure(opened if machine is None else opened.of_buckets, journal, manner)


def offboard(checkout: Checkout, slug: str, asked_day: date | None, manner: Manner) -> DepartureOutcome:
    """Do everything that is due today in a tenant's departure; returns the next step and its date. May run twice.

    A file with `active` again renounces the departure, as long as nothing was erased.
    """
    with open_departure(checkout, slug, "offboard", asked_day, manner) as departure:
        opened, journal = departure.opened, departure.journal
        if opened.tenant.leaving is None:
            return _renounce(departure)
        waiting = advance(departure)
        facts = gather_facts(opened.tenant, opened.checkout, opened.log, journal)
        return DepartureOutcome(
            slug,
            journal.stage,
            facts.calendar,
            tuple(departure.done),
            waiting,
            is_late(facts, journal.stage),
            tuple(departure.documents),
        )


def advance(departure: Departure) -> Waiting | None:
    """Go from stage to stage as far as today allows; returns why the next one must wait, None at the end."""
    journal = departure.journal
    while (transition := find_transition(journal.stage)) is not None:
        _settle_approval(departure, transition)
        _TRIES.get(transition.target, _nothing)(departure)
        waiting = transition.wait(
            gather_facts(departure.opened.tenant, departure.opened.checkout, departure.opened.log, journal)
        )
        if waiting is not None:
            return waiting
        waiting = _WORK.get(transition.target, _nothing)(departure)
        if waiting is not None:
            return waiting
        journal.enter(transition.target)
        departure.say(f"now {transition.target.value}")
    return None


def _settle_approval(departure: Departure, transition: Transition) -> None:
    """Check the authors and the approver of the current block; a changed block needs a new approval."""
    if transition.source in (Stage.ERASED, Stage.VERIFIED):
        return
    approved = get_approval(departure.opened.tenant, departure.opened.checkout, departure.people)
    if approved != departure.journal.find(Step.APPROVED, Approved) and _is_there(departure):
        departure.journal.note(Step.APPROVED, approved)
        how = "proved by signature" if approved.is_proved else "declared, not proved"
        departure.say(f"approved by {approved.approved_by} ({how}), written in commit {approved.commit[:12]}")


def _is_there(departure: Departure) -> bool:
    """Tell whether the day of the notice has come: nothing is written before it."""
    return departure.journal.today >= get_leaving(departure.opened.tenant).notice_on


def _renounce(departure: Departure) -> DepartureOutcome:
    opened, journal = departure.opened, departure.journal
    stage = find_stage(opened.log)
    if stage is None:
        get_leaving(opened.tenant)
    assert stage is not None  # noqa: S101 - get_leaving refuses
    begun = [*journal.steps(Step.ERASURE_BEGAN), *journal.steps(Step.OWNER_ERASURE_BEGAN)]
    refuse_renouncing(opened.tenant.slug, stage, has_erasure_begun=bool(begun))
    freezing.thaw(opened)
    departure.documents += departure.desk.tell_renounced()
    journal.enter(Stage.RENOUNCED)
    departure.say("renounced: its machines have access again")
    next_step = Waiting(f"`coffre apply {opened.tenant.slug}`, which installs removed agents again")
    documents = tuple(departure.documents)
    return DepartureOutcome(
        opened.tenant.slug, Stage.RENOUNCED, None, tuple(departure.done), next_step, documents=documents
    )


def _nothing(_: Departure) -> None:
    return None


def _tell_notice(departure: Departure) -> None:
    departure.documents += departure.desk.tell_notice()


def _freeze(departure: Departure) -> None:
    frozen = freezing.freeze(departure.opened.tenant, departure.opened.buckets)
    departure.journal.note(Step.FROZEN, frozen)
    departure.say(f"without access to their repositories now: {', '.join(frozen.machines) or 'no machine'}")


def _return(departure: Departure) -> None:
    returning_all.return_all(departure.opened, departure.journal, departure.say, departure.manner.on_progress)
    leave_restores(departure.opened, departure.journal, departure.say)


def _tell_returned(departure: Departure) -> None:
    departure.documents += departure.desk.tell_returned()


def _remind(departure: Departure) -> None:
    departure.documents += departure.desk.remind()


def _remove_agents(departure: Departure) -> None:
    """Try to remove the agents once the customer has acknowledged its data; nothing is removed before."""
    opened, journal = departure.opened, departure.journal
    for agent in dismantling.remove_agents(
        opened, list_agents_left(opened.tenant, journal), departure.manner.on_progress
    ):
        before = journal.find(Step.AGENT, Agent, agent.machine)
        now = replace(agent, told=before.told if before is not None else None)
        if now != before:
            journal.note(Step.AGENT, now, agent.machine)
            departure.say(f"{agent.machine}: agent {agent.outcome.value.replace('_', ' ')}")
    departure.documents += departure.desk.tell_unreached()


def _suspend_users(departure: Departure) -> None:
    opened, journal = departure.opened, departure.journal
    suspended = dismantling.suspend_everywhere(opened)
    journal.note(Step.USERS_SUSPENDED, suspended)
    prove_owners(opened, journal)
    departure.say(f"suspended on the platform: {', '.join(suspended.uids) or 'no user'}")


def _erase(departure: Departure) -> Waiting | None:
    return erasure.erase_tenant(
        departure.opened,
        departure.journal,
        partial(departure.prove, Act.ERASE),
        departure.say,
        departure.manner.on_progress,
        partial(_ask_to_erase, departure),
    )


def _ask_to_erase(departure: Departure, owners: Sequence[OwnerProved]) -> None:
    slug = departure.opened.tenant.slug
    for each in owners:
        departure.manner.on_progress(f"to be deleted: {describe_proved(each)}")
    named = "".join(f", and {describe_proved(each)}" for each in owners)
    departure.manner.confirm(f"Erase every backup of {slug}, its passwords, keys and users{named}, for ever?")


def _close(departure: Departure) -> None:
    departure.documents += closing.close(departure.opened, departure.journal, departure.desk, departure.say)


_TRIES: dict[Stage, Callable[[Departure], None]] = {
    Stage.RETURNED: _return,
    Stage.ACKNOWLEDGED: _remind,
    Stage.DISMANTLED: _remove_agents,
}
"""Tried at each run until the stage is reached, on any day."""

_WORK: dict[Stage, Callable[[Departure], Waiting | None]] = {
    Stage.NOTIFIED: _tell_notice,
    Stage.FROZEN: _freeze,
    Stage.RETURNED: _tell_returned,
    Stage.DISMANTLED: _suspend_users,
    Stage.ERASED: _erase,
    Stage.CLOSED: _close,
}
"""Done once the stage is due, before it is reached."""
