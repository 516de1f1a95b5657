"""The platform in memory keeps the contract of the real ones."""

import pytest

from coffre.storage.driver import AccessKey
from tests.contracts.storage import *  # noqa: F403
from tests.contracts.storage import Place
from tests.doubles.storage import MemoryPlatform

KEY, WALL_BYTES = AccessKey("OWNERSKEY", "secret"), 1 << 20


def place_of(owner: str) -> Place:
    platform = MemoryPlatform()
    platform.make_user(owner, KEY, WALL_BYTES)

    def make_bucket(name: str) -> str:
        platform.make_bucket(f"{owner}-{name}", owner)
        return f"{owner}-{name}"

    return Place(platform, owner, KEY, WALL_BYTES, make_bucket)


@pytest.fixture
def place() -> Place:
    return place_of("martin")


@pytest.fixture
def walled() -> Place:
    return place_of("durand")
