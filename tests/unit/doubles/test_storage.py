"""The platform in memory keeps the contract of the real ones: with chosen keys and a wall, and with neither."""

import pytest

from coffre.errors import RemoteError
from coffre.storage.platform import KeyOrigin
from coffre.storage.values import AccessKey
from tests.contracts.owners import *  # noqa: F403
from tests.contracts.owners import Owned
from tests.contracts.storage import *  # noqa: F403
from tests.contracts.storage import Place
from tests.doubles.owners import OwnersPlatform
from tests.doubles.storage import MOST_GIVEN_KEYS, MemoryPlatform

WALL_BYTES = 1 << 20


def place_of(owner: str, keys: KeyOrigin) -> Place:
    platform = MemoryPlatform(keys=keys)
    platform.add_user(owner)
    if keys is KeyOrigin.GIVEN:
        key, wall_bytes = platform.create_key(owner), None
    else:
        key, wall_bytes = AccessKey("OWNERSKEY", "secret"), WALL_BYTES
        platform.add_key(owner, key)
    platform.set_wall(owner, wall_bytes)

    def make_bucket(name: str) -> str:
        platform.make_bucket(f"{owner}-{name}", owner)
        return f"{owner}-{name}"

    return Place(platform, owner, key, wall_bytes, make_bucket, keys)


@pytest.fixture(params=[KeyOrigin.CHOSEN, KeyOrigin.GIVEN])
def keys(request: pytest.FixtureRequest) -> KeyOrigin:
    origin: KeyOrigin = request.param
    return origin


@pytest.fixture(params=KeyOrigin)
def owned(request: pytest.FixtureRequest) -> Owned:
    if request.param is not KeyOrigin.NONE:
        place = place_of("martin", request.param)
        return Owned(place.storage, place.owner)
    platform = OwnersPlatform()
    platform.put("Customer", "coffre:k7f3q9wz2m", {"external_id": "coffre:k7f3q9wz2m", "name": "Martin"})
    return Owned(platform, "martin-k7f3q9wz2m")


@pytest.fixture
def place(keys: KeyOrigin) -> Place:
    return place_of("martin", keys)


@pytest.fixture
def walled(keys: KeyOrigin) -> Place:
    return place_of("durand", keys)


def test_a_user_has_no_third_key_where_the_platform_creates_them() -> None:
    place = place_of("martin", KeyOrigin.GIVEN)
    for _ in range(MOST_GIVEN_KEYS - 1):
        place.storage.create_key("martin")
    with pytest.raises(RemoteError, match="martin has 2 access keys already"):
        place.storage.create_key("martin")
    with pytest.raises(RemoteError, match="there is no user nobody"):
        place.storage.create_key("nobody")
