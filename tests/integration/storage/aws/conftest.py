"""Moto's server for a module of tests, an account with an operator, and AWS's variables that lead there."""

import pytest

from tests.integration.storage.aws.world import World
from tests.moto_server import moto_server


@pytest.fixture(scope="module")
def moto():
    with moto_server() as server, pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_CONFIG_FILE"):
            patch.delenv(name, raising=False)
        for name, value in server.environment.items():
            patch.setenv(name, value)
        yield server


@pytest.fixture(scope="module")
def world(moto, tmp_path_factory):
    """The account, whose keys moto checks from here on."""
    world = World(moto, tmp_path_factory.mktemp("aws"))
    with moto.checking_keys():
        yield world
