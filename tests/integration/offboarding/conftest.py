"""One repository a test module on the lab's platform, and one tenant in it with a machine for each test."""

import itertools

import pytest

from tests.integration.offboarding.office import clear, make_office

MACHINES = tuple(f"poste-{number:02}" for number in range(20))


@pytest.fixture(scope="module")
def module_environment():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def office(lab, tmp_path_factory, module_environment):
    office = make_office(lab, tmp_path_factory.mktemp("office"))
    module_environment.setenv("XDG_CONFIG_HOME", office.environment["XDG_CONFIG_HOME"])
    module_environment.setenv("COFFRE_ACTOR", office.environment["COFFRE_ACTOR"])
    return office


@pytest.fixture(scope="module")
def opened(office):
    """The service of a tenant with a machine for each test of the module."""
    with office.opened(office.add_tenant(*MACHINES)) as opened:
        yield opened


@pytest.fixture(scope="module")
def fresh(opened):
    """The names of machines that no test has used yet."""
    return itertools.chain(opened.tenant.machines)


@pytest.fixture
def machine(opened, fresh):
    """A machine of this test alone, with nothing at all in its bucket."""
    name = next(fresh)
    clear(opened, name)
    return name
