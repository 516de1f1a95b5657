"""Real machines of the lab, and a tenant's buckets for them."""

import pytest

from coffre.agents.restic.agents import AgentPrograms, ResticAgents
from tests.integration.agents.scene import HOSTS, Scene
from tests.machines import renew_machines


@pytest.fixture(scope="module")
def scene(lab, tmp_path_factory):
    """A tenant with buckets and orders; its three machines as they were before anybody touched them."""
    renew_machines(lab, list(HOSTS.values()))
    scene = Scene(lab, tmp_path_factory.mktemp("scene"))
    for machine in HOSTS:
        scene.make_repository(machine)
    yield scene
    scene.wipe()


@pytest.fixture(scope="session")
def programs():
    """The programs that set-up built."""
    return AgentPrograms.find()


@pytest.fixture
def agents(tmp_path, programs):
    return ResticAgents(tmp_path / "scratch", programs)
