"""The state of a machine that nobody can reach is what its own word says, and never more."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from coffre.agents.applied import Applied
from coffre.provisioning.enrolment.pulled import judge_enrolment, judge_word, may_fetch
from coffre.provisioning.enrolment.standing import EnrolmentStage, EnrolmentStanding
from coffre.provisioning.steps.agents import Installed, judge_pulled
from coffre.provisioning.terms.done import MachineOutcome, MachineState
from coffre.records.facts.enrolment import ConfigurationDelivered
from coffre.secrets import minting, rotations
from coffre.secrets.bundles import ControlBundle
from coffre.secrets.minting import public_key_of
from coffre.secrets.rotations import machine_key

MACHINE = "portable-01"
CONTROL = ControlBundle(
    tenant_id="k7f3q9wz2m",
    owner_key=minting.new_access_key(),
    machine_keys={MACHINE: minting.new_access_key()},
    stack_passphrase=minting.new_passphrase(),
    signing_key=minting.new_signing_key(),
)
ROTATED = rotations.start(CONTROL, [machine_key(MACHINE)], now=False)
CUT = rotations.start(CONTROL, [machine_key(MACHINE)], now=True)
OLD_KEY, NEW_KEY = (each.machine_keys[MACHINE].access_key_id for each in (CONTROL, ROTATED))
FINE = MachineOutcome(MACHINE, MachineState.UNCHANGED)
RUNS = Installed(4, "a" * 64)
DELIVERED = ConfigurationDelivered(2, "age1", "c" * 64)


def word_of(control: ControlBundle, delivered: int = 1) -> Applied:
    """Return what a machine says that has all of a bundle."""
    return Applied(
        version=1,
        tenant_id=control.tenant_id,
        machine=MACHINE,
        at=datetime(2026, 11, 30, 12, tzinfo=UTC),
        generation_applied=4,
        access_key_id=control.machine_keys[MACHINE].access_key_id,
        signing_public_key=public_key_of(control.signing_key),
        delivered=delivered,
    )


@pytest.mark.parametrize(
    ("said", "state"),
    [
        (None, MachineState.AWAITED),
        (word_of(CONTROL, 0), MachineState.AWAITED),
        (word_of(CONTROL, 1), MachineState.AWAITED),
        (word_of(CONTROL, 2), MachineState.UNCHANGED),
        (word_of(CONTROL, 3), MachineState.UNCHANGED),
    ],
)
def test_its_word_shows_which_delivery_it_has(said: Applied | None, state: MachineState) -> None:
    """With the number of the last delivery: an earlier word with the right keys says nothing of what came since."""
    assert judge_word(MACHINE, said, DELIVERED).state is state


@pytest.mark.parametrize(("runs", "state"), [("a" * 64, MachineState.UNCHANGED), ("b" * 64, MachineState.AWAITED)])
def test_a_new_agent_is_awaited_until_the_machine_says_that_it_runs_it(runs: str, state: MachineState) -> None:
    said = word_of(CONTROL, 2).model_copy(update={"agent_sha256": runs})
    assert judge_word(MACHINE, said, replace(DELIVERED, agent_sha256="a" * 64)).state is state
    assert judge_word(MACHINE, said, DELIVERED).state is MachineState.UNCHANGED, "that delivery named none"


@pytest.mark.parametrize(
    ("used", "control", "may"),
    [
        (None, CONTROL, True),
        (OLD_KEY, CONTROL, True),
        (OLD_KEY, ROTATED, True),
        (NEW_KEY, ROTATED, True),
        (None, CUT, False),
        (OLD_KEY, CUT, False),
        (CUT.machine_keys[MACHINE].access_key_id, CUT, True),
        ("of another one", CONTROL, False),
    ],
    # Not the ids of keys, which are random: every process collects the same names.
    ids=["silent", "its key", "old", "new", "silent, cut", "cut", "new, cut", "foreign"],
)
def test_nothing_is_left_for_a_machine_whose_key_was_revoked(
    used: str | None, control: ControlBundle, may: bool
) -> None:
    """Who stole it can read what is left for it while its invitation's address lasts, and has its key."""
    assert may_fetch(MACHINE, set() if used is None else {used}, control) is may


def test_a_machine_that_was_answered_after_the_revocation_gets_what_it_needs() -> None:
    """It has the key that counts, and its predecessor's last word says nothing of that."""
    assert may_fetch(MACHINE, set(), CUT, has_newest=True)
    assert not may_fetch(MACHINE, {OLD_KEY}, CUT, has_newest=True)


@pytest.mark.parametrize("stage", [each for each in EnrolmentStage if each is not EnrolmentStage.ENROLLED])
def test_a_machine_without_a_configuration_is_pending_unless_it_is_invited(stage: EnrolmentStage) -> None:
    outcome = judge_enrolment("martin", EnrolmentStanding(MACHINE, stage))
    is_invited = stage is EnrolmentStage.INVITED
    assert outcome.state is (MachineState.AWAITED if is_invited else MachineState.PENDING)
    assert ("coffre enrol martin portable-01" in outcome.message) is not is_invited


@pytest.mark.parametrize(
    ("outcome", "installed", "due", "state"),
    [
        (FINE, None, 4, MachineState.INSTALLED),
        (FINE, RUNS, 4, MachineState.UNCHANGED),
        (FINE, RUNS, 3, MachineState.UNCHANGED),
        (FINE, replace(RUNS, generation=3), 4, MachineState.UPDATED),
        (FINE, RUNS, 5, MachineState.AWAITED),
        (replace(FINE, state=MachineState.AWAITED), None, 4, MachineState.AWAITED),
        (replace(FINE, state=MachineState.PENDING), RUNS, 5, MachineState.PENDING),
    ],
)
def test_it_is_installed_once_it_says_so(
    outcome: MachineOutcome, installed: Installed | None, due: int, state: MachineState
) -> None:
    assert judge_pulled(outcome, installed, RUNS, due).state is state
