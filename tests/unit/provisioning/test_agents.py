"""How a machine stands after its deployment."""

import pytest

from coffre.agents.driver import DeployResult
from coffre.provisioning.agents import Installed, MachineState, judge_machine

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
