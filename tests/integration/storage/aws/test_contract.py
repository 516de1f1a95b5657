"""AWS keeps the contract of a storage platform, on moto; it has no wall."""

import pytest

from coffre.storage.platform import KeyOrigin
from tests.contracts import storage as contract
from tests.contracts.storage import *  # noqa: F403
from tests.contracts.storage import Place

del globals()[contract.test_no_byte_passes_the_wall_but_with_extra_room.__name__]


@pytest.fixture(scope="module")
def place(world):
    owner = world.make_owner("contract-k7f3q9wz2m")
    world.make_machine_user(f"{owner.uid}.m1", "contract-m1")

    def make_bucket(name: str) -> str:
        return world.make_bucket(f"contract-{name}", owner.uid, f"{owner.uid}.m1")

    return Place(world.storage, owner.uid, owner.key, None, make_bucket, KeyOrigin.GIVEN)
