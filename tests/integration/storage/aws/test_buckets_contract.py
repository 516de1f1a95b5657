"""The buckets of a tenant on AWS keep their contract, on moto."""

import secrets

import pytest

from coffre.spec import naming
from coffre.storage.platform import KeyOrigin
from tests.contracts.buckets import *  # noqa: F403
from tests.contracts.buckets import Estate, Owner, control_of, s3_key
from tests.doubles.secrets import InMemorySecrets


@pytest.fixture
def estate(world) -> Estate:
    owner = Owner("estate", f"k{secrets.token_hex(4)}0")
    user = world.make_owner(naming.owner_uid(owner))

    def make_bucket(machine: str) -> None:
        world.make_bucket(naming.bucket_name(owner.slug, owner.id, machine), user.uid, None, owner.id)

    secret = InMemorySecrets(control_of(owner.id, s3_key(user.key)), slug=owner.slug)
    return Estate(owner, world.storage, secret, make_bucket, KeyOrigin.GIVEN)
