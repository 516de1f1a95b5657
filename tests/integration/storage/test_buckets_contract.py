"""The buckets of a tenant on the real RGW keep their contract."""

import secrets

import pytest
from pydantic import SecretStr

from coffre.secrets.bundles import S3Key
from coffre.spec import naming
from tests.contracts.buckets import *  # noqa: F403
from tests.contracts.buckets import Estate, Owner, control_of
from tests.doubles.secrets import InMemorySecrets


@pytest.fixture
def estate(world) -> Estate:
    owner = Owner(world.prefix, f"k{secrets.token_hex(4)}")
    user = world.make_owner(owner.id)
    key = S3Key(access_key_id=user.key.access_key_id, secret_access_key=SecretStr(user.key.secret_access_key))

    def make_bucket(machine: str) -> None:
        world.create("Bucket", name=naming.bucket_name(owner.slug, owner.id, machine), owner=user.uid)

    return Estate(owner, world.storage, InMemorySecrets(control_of(owner.id, key), slug=owner.slug), make_bucket)
