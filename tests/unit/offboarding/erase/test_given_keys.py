"""The end of users whose keys the platform created."""

from types import SimpleNamespace
from typing import Any

import pytest

from coffre.offboarding.erase.destroying import delete_users
from coffre.offboarding.erase.verifying import verify_gone
from coffre.secrets import rotations
from coffre.secrets.bundles import S3Key
from coffre.secrets.rotations import OWNER, Subject, machine_key
from coffre.spec import naming
from coffre.storage.platform import KeyOrigin
from tests.builders import tenant_with
from tests.doubles.buckets import InMemoryEstate

TENANT = tenant_with()
UIDS = {OWNER: naming.owner_uid(TENANT), machine_key("compta-01"): naming.machine_uid(TENANT, "compta-01")}


def allow() -> None:
    """Nothing forbids it."""


@pytest.fixture
def estate() -> InMemoryEstate:
    """A tenant that a kill left without the owner's key in its bundle, and with one on the platform."""
    estate = InMemoryEstate.of(TENANT, keys=KeyOrigin.GIVEN)
    keyless = estate.secrets.control().model_copy(update={"owner_key": None})
    estate.secrets.save_control(keyless, dropping=[OWNER.secret])
    for uid in UIDS.values():
        estate.storage.add_user(uid)
    return estate


def give(estate: InMemoryEstate, subject: Subject) -> str:
    created = estate.storage.create_key(UIDS[subject])
    key = S3Key(access_key_id=created.access_key_id, secret_access_key=created.secret_access_key)
    estate.secrets.save_control(rotations.give_first(estate.secrets.control(), subject, key))
    return created.access_key_id


def test_users_go_with_every_key_those_of_no_bundle_too(estate: InMemoryEstate) -> None:
    [of_no_bundle] = estate.storage.list_key_ids(UIDS[OWNER])
    known = give(estate, machine_key("compta-01"))
    deleted = delete_users(TENANT, estate.storage, estate.secrets, refuse=allow)
    assert {user.uid: user.access_key_ids for user in deleted} == {
        UIDS[machine_key("compta-01")]: (known,),
        UIDS[OWNER]: (of_no_bundle,),
    }
    assert estate.storage.list_users(UIDS[OWNER]) == []


def test_without_any_key_of_the_owner_the_end_of_the_others_is_verified(estate: InMemoryEstate) -> None:
    known = give(estate, machine_key("compta-01"))
    home: Any = SimpleNamespace(tenant=TENANT, storage=estate.storage, secrets=estate.secrets)
    assert not all(check.passed for check in verify_gone(home, []))
    delete_users(TENANT, estate.storage, estate.secrets, refuse=allow)
    checks = verify_gone(home, [])
    assert all(check.passed for check in checks)
    assert known in {check.subject for check in checks}
