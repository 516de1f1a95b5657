"""The buckets of a tenant on the platform in memory keep the contract of the real ones."""

import pytest

from tests.contracts.buckets import *  # noqa: F403
from tests.contracts.buckets import COMPTA, Estate, Owner
from tests.doubles.buckets import InMemoryEstate
from tests.doubles.storage import MemoryBucket

OWNER = Owner("boulangerie-martin", "k7f3q9wz2m")


@pytest.fixture
def estate() -> Estate:
    made = InMemoryEstate.of(OWNER)
    return Estate(OWNER, made.storage, made.secrets, made.make_bucket)


def test_it_is_the_owners_key_that_opens(estate: Estate) -> None:
    bucket = estate.buckets.open(COMPTA)
    assert isinstance(bucket, MemoryBucket)
    assert bucket.opened_with == estate.buckets.owner_key()
    assert estate.buckets.owner_key().secret_access_key not in repr(vars(estate.buckets))
