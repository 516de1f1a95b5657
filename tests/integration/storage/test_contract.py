"""Ceph keeps the contract of a storage platform, on the real RGW."""

import pytest

from tests.contracts.owners import *  # noqa: F403
from tests.contracts.owners import Owned
from tests.contracts.storage import *  # noqa: F403
from tests.contracts.storage import Place

WALL_BYTES = 4 << 20


def place_of(world, name: str) -> Place:
    owner = world.make_owner(name, wall_bytes=WALL_BYTES)
    return Place(world.storage, owner.uid, owner.key, WALL_BYTES, lambda name: world.make_machine(owner, name).bucket)


@pytest.fixture(scope="module")
def place(world):
    return place_of(world, "contract")


@pytest.fixture(scope="module")
def walled(world):
    return place_of(world, "walled")


@pytest.fixture
def owned(place):
    return Owned(place.storage, place.owner)
