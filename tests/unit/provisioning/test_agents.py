"""How a machine stands after its deployment."""

import pytest

from coffre.agents.driver import DeployResult
from coffre.provisioning.agents import MachineState, judge_machine


@pytest.mark.parametrize(
    ("ok", "changed", "unreachable", "applied", "wanted", "state"),
    [
        (True, True, False, None, 1, MachineState.INSTALLED),
        (True, False, False, 1, 1, MachineState.UNCHANGED),
        (True, True, False, 1, 2, MachineState.UPDATED),
        (False, False, True, None, 1, MachineState.PENDING),
        (False, False, True, 1, 2, MachineState.PENDING),
        (False, False, True, 2, 2, MachineState.UNREACHED),
        (False, False, False, 1, 1, MachineState.FAILED),
    ],
)
def test_a_machine_is_pending_only_when_it_waits_for_something(
    ok: bool, changed: bool, unreachable: bool, applied: int | None, wanted: int, state: MachineState
) -> None:
    result = DeployResult(
        slug="martin", machine="compta-01", ok=ok, changed=changed, unreachable=unreachable, message=""
    )
    outcome = judge_machine(result, applied_generation=applied, wanted_generation=wanted)
    assert outcome.state is state
    assert outcome.is_complete is (state not in (MachineState.PENDING, MachineState.FAILED))
