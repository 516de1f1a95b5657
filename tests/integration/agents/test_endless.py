"""A machine whose login shell prints for ever: who asks it leaves it soon, in one sentence, and memory stays flat."""

import time
import tracemalloc

import pytest

from coffre.agents.restic.backup_run import start_and_wait
from coffre.outside.processes import EndlessOutputError
from tests.integration.agents.scene import CAISSE, COMPTA, HOSTS
from tests.machines import renew_machines

MIB = 1024**2
ENDLESS = "yes AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


@pytest.fixture
def talking_machine(scene):
    """The machine, while root's shell there prints and prints; it is started anew afterwards."""
    with scene.root_on(COMPTA) as root:
        root.run(["sh", "-c", f"echo '{ENDLESS}' >/root/.bashrc"], 20)
    yield scene
    renew_machines(scene.lab, [HOSTS[COMPTA]])


def test_a_machine_that_prints_for_ever_is_left_by_whoever_asks_it(talking_machine):
    with talking_machine.root_on(COMPTA) as machine:
        tracemalloc.start()
        began = time.monotonic()
        with pytest.raises(EndlessOutputError, match="printed without end"):
            machine.run(["true"], 30)
        with pytest.raises(EndlessOutputError, match="printed without end"):
            start_and_wait(machine, 60, lambda text: None)
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert time.monotonic() - began < 30
        assert peak_bytes < 32 * MIB


def test_a_deployment_and_a_removal_leave_it_and_go_on_with_the_others(talking_machine, agents):
    """Ansible keeps whatever a machine prints: here the real one, over a real sshd, until it is left."""
    tracemalloc.start()
    began = time.monotonic()
    deployed = agents.deploy(talking_machine.requests(COMPTA, CAISSE), lambda _machine, _task: None)
    removed = agents.remove(talking_machine.removals(COMPTA, CAISSE), lambda _machine, _task: None)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    for left, other in (deployed, removed):
        assert other.ok, other.message
        assert (left.ok, left.unreachable) == (False, False)
        assert left.message.startswith("compta-01: it printed without end and was stopped. A sound machine")
    assert time.monotonic() - began < 120
    assert peak_bytes < 32 * MIB
