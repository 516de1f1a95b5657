"""The contract of a tenant's buckets, on a real platform and in memory: both pass the same tests.

A module that imports these tests gives them an `estate`: an owner on a platform, whose key is in the tenant's
secrets, and a function that creates buckets for its machines. At first the owner has no bucket.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from pydantic import SecretStr

from coffre.secrets import minting, rotations
from coffre.secrets.bundles import ControlBundle, S3Key
from coffre.secrets.errors import MissingCopyError
from coffre.spec import naming
from coffre.storage.driver import Storage
from coffre.storage.platform import KeyOrigin
from coffre.storage.values import AccessKey
from coffre.tenant.estate.buckets import TenantBuckets
from coffre.tenant.estate.keys import access_key
from tests.doubles.secrets import InMemorySecrets

COMPTA, CAISSE = "compta-01", "caisse-01"


@dataclass(frozen=True)
class Owner:
    """The values that names are built from."""

    slug: str
    id: str
    is_copy: bool = False
    is_part: bool = False


@dataclass(frozen=True)
class Estate:
    """A tenant's buckets, the secrets with the owner's key that opens them, and a function that creates a bucket."""

    owner: Owner
    storage: Storage
    secrets: InMemorySecrets
    make_bucket: Callable[[str], None]
    keys: KeyOrigin = KeyOrigin.CHOSEN

    @property
    def buckets(self) -> TenantBuckets:
        return TenantBuckets(self.owner, self.storage, self.secrets)


def s3_key(key: AccessKey) -> S3Key:
    return S3Key(access_key_id=key.access_key_id, secret_access_key=SecretStr(key.secret_access_key))


def control_of(tenant_id: str, owner_key: S3Key) -> ControlBundle:
    return ControlBundle(
        tenant_id=tenant_id,
        owner_key=owner_key,
        stack_passphrase=minting.new_passphrase(),
        signing_key=minting.new_signing_key(),
    )


def test_the_platform_is_asked_which_buckets_exist(estate: Estate) -> None:
    buckets = estate.buckets
    before = buckets.existing()
    assert not before
    assert not before.has(COMPTA)
    assert not buckets.has(COMPTA)
    estate.make_bucket(COMPTA)
    now = buckets.existing()
    assert now
    assert (now.has(COMPTA), now.has(CAISSE), buckets.has(COMPTA)) == (True, False, True)
    assert now.among([CAISSE, COMPTA]) == [COMPTA]
    assert (before.has(COMPTA), before.among([COMPTA])) == (False, []), "a look stays what it was"
    assert buckets.snapshot([buckets.name(CAISSE), "another"]).among([COMPTA, CAISSE]) == [CAISSE]


def test_a_bucket_is_opened_with_the_owners_rights(estate: Estate) -> None:
    estate.make_bucket(COMPTA)
    buckets = estate.buckets
    bucket = buckets.open(COMPTA)
    assert bucket.name == buckets.name(COMPTA) == naming.bucket_name(estate.owner.slug, estate.owner.id, COMPTA)
    bucket.put("control/gate.json", b"{}")
    assert buckets.open(COMPTA).find("control/gate.json", 9) == b"{}"
    assert buckets.open_named(bucket.name).exists("control/gate.json")


def test_a_bucket_is_opened_with_the_key_that_is_trusted_then(estate: Estate) -> None:
    """A rotation changes the key within one command."""
    estate.make_bucket(COMPTA)
    buckets, owner_uid = estate.buckets, estate.buckets.owner_uid
    first = estate.secrets.control().owner_key
    buckets.open(COMPTA).put("control/gate.json", b"{}")
    begun = rotations.begin(estate.secrets.control(), [rotations.OWNER])
    if estate.keys is KeyOrigin.GIVEN:
        given = estate.storage.create_key(owner_uid)
        begun = begun.model_copy(update={"owner_key": s3_key(given)})
    else:
        estate.storage.add_key(owner_uid, access_key(begun.owner_key))
    estate.secrets.save_control(begun)
    assert buckets.owner_key() == access_key(first), "the old one, until its end is decided"
    assert buckets.open(COMPTA).exists("control/gate.json")
    estate.secrets.save_control(rotations.condemn(begun, [rotations.OWNER]))
    estate.storage.delete_key(owner_uid, first.access_key_id)
    assert buckets.owner_key() == access_key(begun.owner_key)
    assert buckets.open(COMPTA).exists("control/gate.json")


def test_without_secrets_none_is_opened(estate: Estate) -> None:
    buckets = TenantBuckets(estate.owner, estate.storage, InMemorySecrets())
    with pytest.raises(MissingCopyError):
        buckets.open(COMPTA)
    assert not buckets.has(COMPTA)
