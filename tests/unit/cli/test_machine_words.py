"""How machines are shown: what is kept of a retired one, and how a machine stands after an apply."""

from datetime import date

import pytest

from coffre.cli.words.machines import describe_outcome, describe_retired
from coffre.observation.retired import RetiredStatus
from coffre.provisioning.terms.done import MachineOutcome, MachineState

DAYS = (date(2026, 11, 20), date(2027, 3, 31))
KEPT = RetiredStatus(*DAYS, may_be_erased=False, is_kept_by_hold=False)


@pytest.mark.parametrize(
    ("retired", "words"),
    [
        (KEPT, "retired on 2026-11-20, its backups are kept until 2027-03-31"),
        (RetiredStatus(*DAYS, True, False), "retired on 2026-11-20, its backups may be erased since 2027-03-31"),
        (
            RetiredStatus(*DAYS, False, True),
            "retired on 2026-11-20, its backups are kept by the hold (2027-03-31 is over)",
        ),
    ],
)
def test_what_is_kept_of_a_retired_machine_is_said(retired: RetiredStatus, words: str) -> None:
    assert describe_retired(retired) == words


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (MachineOutcome("compta-01", MachineState.INSTALLED), "compta-01: installed"),
        (MachineOutcome("compta-01", MachineState.PENDING, "no route."), "compta-01: pending: no route."),
        (
            MachineOutcome("vieux-pc", MachineState.REMOVED, "", KEPT),
            "vieux-pc: retired, agent removed: retired on 2026-11-20, its backups are kept until 2027-03-31",
        ),
        (
            MachineOutcome("vieux-pc", MachineState.RETIRED_UNREACHED, "no route.", KEPT),
            "vieux-pc: retired, not reached: its agent still stands there, its key is dead: no route. "
            "retired on 2026-11-20, its backups are kept until 2027-03-31",
        ),
    ],
)
def test_each_outcome_is_one_line(outcome: MachineOutcome, words: str) -> None:
    assert describe_outcome(outcome) == words


STATES = {
    MachineState.INSTALLED: "installed",
    MachineState.UPDATED: "updated",
    MachineState.UNCHANGED: "unchanged",
    MachineState.RENEWED: "unchanged, its orders renewed",
    MachineState.UNREACHED: "unreachable; already up to date",
    MachineState.AWAITED: "goes on by itself at its next run",
    MachineState.LEFT: "left as it is",
    MachineState.REMOVED: "retired, agent removed",
    MachineState.RETIRED: "retired",
    MachineState.RETIRED_UNREACHED: "retired, not reached: its agent still stands there, its key is dead",
    MachineState.PENDING: "pending",
    MachineState.REFUSED: "refused",
    MachineState.OTHER: "another machine answers there",
    MachineState.FAILED: "failed",
}


@pytest.mark.parametrize("state", MachineState)
def test_each_state_is_an_identifier_and_has_its_words(state: MachineState) -> None:
    assert state.value.isidentifier()
    assert describe_outcome(MachineOutcome("compta-01", state)) == f"compta-01: {STATES[state]}"
