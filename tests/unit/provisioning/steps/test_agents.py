"""How a machine stands after its deployment."""

import pytest

from coffre.agents.driver import DeployResult
from coffre.provisioning.steps.agents import Installed, judge_identity, judge_machine
from coffre.provisioning.terms.done import MachineOutcome, MachineState

ONE, TWO = Installed(1, "agent"), Installed(2, "agent")
NEWER_AGENT = Installed(1, "newer agent")


@pytest.mark.parametrize(
    ("ok", "changed", "unreachable", "installed", "wanted", "state"),
    [
        (True, True, False, None, ONE, MachineState.INSTALLED),
        (True, False, False, ONE, ONE, MachineState.UNCHANGED),
        (True, True, False, ONE, TWO, MachineState.UPDATED),
        (False, False, True, None, ONE, MachineState.PENDING),
        (False, False, True, ONE, TWO, MachineState.PENDING),
        (False, False, True, ONE, NEWER_AGENT, MachineState.PENDING),
        (False, False, True, TWO, TWO, MachineState.UNREACHED),
        (False, False, False, ONE, ONE, MachineState.FAILED),
    ],
)
def test_a_machine_is_pending_only_when_it_waits_for_something(
    ok: bool, changed: bool, unreachable: bool, installed: Installed | None, wanted: Installed, state: MachineState
) -> None:
    result = DeployResult(
        slug="martin", machine="compta-01", ok=ok, changed=changed, unreachable=unreachable, message=""
    )
    outcome = judge_machine(result, installed, wanted)
    assert outcome.state is state
    assert outcome.is_complete is (state not in (MachineState.PENDING, MachineState.FAILED))


@pytest.mark.parametrize(
    ("unreachable", "installed", "due", "state"),
    [
        (False, ONE, 1, MachineState.RENEWED),
        (True, ONE, 1, MachineState.UNREACHED),
        (True, ONE, 2, MachineState.PENDING),
        (True, NEWER_AGENT, 1, MachineState.PENDING),
        (False, TWO, 1, MachineState.UPDATED),
    ],
)
def test_orders_that_are_only_renewed_are_no_update_and_nobody_waits_for_them(
    unreachable: bool, installed: Installed, due: int, state: MachineState
) -> None:
    result = DeployResult("martin", "compta-01", ok=not unreachable, changed=True, unreachable=unreachable)
    assert judge_machine(result, installed, TWO, due).state is state


@pytest.mark.parametrize(
    ("differs", "said"),
    [
        (("hardware",), "(other hardware)"),
        (("installation", "hardware"), "(other installation and hardware)"),
        (("start",), "(it ran at the same time as the accepted one)"),
    ],
)
def test_another_machine_that_has_the_agent_now_is_named_with_the_way_to_accept_it(
    differs: tuple[str, ...], said: str
) -> None:
    done = MachineOutcome("compta-01", MachineState.UNCHANGED)
    assert judge_identity("martin", done, ()) is done
    found = judge_identity("martin", done, differs)
    assert (found.state, found.is_complete) == (MachineState.OTHER, False)
    assert said in found.message
    assert "`coffre apply martin --replace-machine compta-01 --reason TEXT`" in found.message
