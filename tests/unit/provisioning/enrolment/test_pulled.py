"""The state of a machine that nobody can reach is what its own word says, and never more."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from coffre.agents.applied import Applied
from coffre.provisioning.enrolment.pulled import judge_enrolment, judge_word
from coffre.provisioning.enrolment.standing import EnrolmentStage, EnrolmentStanding
from coffre.provisioning.steps.agents import Installed, judge_pulled
from coffre.provisioning.terms.done import MachineOutcome, MachineState
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
SIGNED_ANEW = rotations.start(CONTROL, [rotations.SIGNING], now=False)
FINE = MachineOutcome(MACHINE, MachineState.UNCHANGED)
RUNS = Installed(4, "a" * 64)


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
    ("said", "control", "state"),
    [
        (None, CONTROL, MachineState.AWAITED),
        (word_of(CONTROL, 2), CONTROL, MachineState.UNCHANGED),
        (word_of(CONTROL, 3), CONTROL, MachineState.UNCHANGED),
        (word_of(CONTROL), CONTROL, MachineState.AWAITED),
        (word_of(CONTROL), ROTATED, MachineState.AWAITED),
        (word_of(ROTATED, 2), ROTATED, MachineState.UNCHANGED),
        (word_of(CONTROL), SIGNED_ANEW, MachineState.AWAITED),
        (word_of(CONTROL), CUT, MachineState.PENDING),
        (word_of(CONTROL, 0), CONTROL, MachineState.AWAITED),
    ],
)
def test_its_word_shows_which_delivery_it_has(
    said: Applied | None, control: ControlBundle, state: MachineState
) -> None:
    """With the number of the last delivery: an earlier word with the right keys says nothing of what came since."""
    outcome = judge_word("martin", MACHINE, said, control, 2)
    assert outcome.state is state
    assert ("coffre enrol martin" in outcome.message) is (state is MachineState.PENDING)


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
