"""AWS keeps the contract of a storage platform, on moto; it has no wall."""

import pytest

from coffre.storage.platform import KeyOrigin
from tests.contracts.owners import *  # noqa: F403
from tests.contracts.owners import Owned
from tests.contracts.storage import *  # noqa: F403
from tests.contracts.storage import Place


def place_of(world, name: str) -> Place:
    owner = world.make_owner(f"{name}-k7f3q9wz2m")
    world.make_machine_user(f"{owner.uid}.m1", f"{name}-m1")

    def make_bucket(bucket: str) -> str:
        return world.make_bucket(f"{name}-{bucket}", owner.uid, f"{owner.uid}.m1")

    return Place(world.storage, owner.uid, owner.key, None, make_bucket, KeyOrigin.GIVEN)


@pytest.fixture(scope="module")
def place(world):
    return place_of(world, "contract")


@pytest.fixture(scope="module")
def walled(world):
    return place_of(world, "unwalled")


@pytest.fixture
def owned(place):
    return Owned(place.storage, place.owner)
