"""The storage of a second copy on each kind of platform: an owner and buckets of its own, and no user of a machine."""

from typing import Any

import pytest

from coffre.agents.kinds import with_bucket
from coffre.provisioning.steps.secrets import current_keys
from coffre.secrets import minting, rotations
from coffre.secrets.bundles import ControlBundle
from coffre.spec import naming
from coffre.spec.quota import wall_bytes
from coffre.spec.storage_platform import AwsPlatform, CephPlatform
from coffre.spec.tenant import Tenant
from coffre.storage.aws.layout import tenant_storage as aws_storage
from coffre.storage.ceph.layout import tenant_storage as ceph_storage
from coffre.storage.platform import PLACEHOLDER, TenantKeys, placeholder_keys
from coffre.storage.values import TENANT_ID_TAG, AccessKey
from coffre.tenant.estate.keys import access_key
from tests.builders import AWS_PLATFORM, PLATFORM, machine_with, tenant_with

CEPH = CephPlatform.model_validate(PLATFORM["platforms"]["lab"])
AWS = AwsPlatform.model_validate(AWS_PLATFORM["platforms"]["lab"])
COMPTA, OLD, OTHER = "compta-01", "vieux-pc", "autre-01"
MACHINES = {
    COMPTA: machine_with(),
    OLD: machine_with(retired={"on": "2026-11-01", "keep_until": "2099-12-31"}),
    OTHER: machine_with(agent="acronis"),
}
OWNER = "martin-k7f3q9wz2m_copy"
KEY = AccessKey("OWNERSKEY", "secret")
KEYS = TenantKeys(KEY, {COMPTA: None, OLD: None})


def copied(**changes: Any) -> Tenant:
    storage = {"platform": "lab", "quota": "10 GiB", "undelete_days": 30, "copy": {"platform": "there"}}
    found = tenant_with(storage=storage, machines=MACHINES, licences={"workstation": 3}, **changes).copied()
    assert found is not None
    return found


def buckets() -> dict[str, str]:
    return {name: naming.bucket_name("martin", "k7f3q9wz2m", name, is_copy=True) for name in (COMPTA, OLD)}


def test_on_ceph_it_has_an_owner_a_wall_and_buckets_and_no_other_user() -> None:
    layout = ceph_storage(copied(), CEPH, KEYS)
    assert (layout.owner_uid, layout.owner_key, dict(layout.tags)) == (OWNER, KEY, {TENANT_ID_TAG: "k7f3q9wz2m"})
    assert layout.wall_bytes == wall_bytes(10 << 30, CEPH)
    assert (layout.undelete_days, {each.keeps_all for each in layout.machines}) == (30, {False})
    assert {each.name: each.bucket for each in layout.machines} == buckets()
    assert {(each.uid, each.key) for each in layout.machines} == {(None, None)}


def test_on_aws_it_has_an_owner_and_buckets_and_no_other_user() -> None:
    layout = aws_storage(copied(), AWS, KEYS)
    assert (layout.owner, layout.tags[TENANT_ID_TAG]) == (OWNER, "k7f3q9wz2m")
    assert OWNER in layout.tags.values(), "its buckets are found by the tag of their owner"
    assert (layout.undelete_days, {each.keeps_all for each in layout.machines}) == (30, {False})
    assert {each.name: each.bucket for each in layout.machines} == buckets()
    assert {each.user for each in layout.machines} == {None}


@pytest.mark.parametrize("kind", ["preserve", "block_access"])
def test_a_hold_keeps_everything_of_the_copy_on_both_kinds(kind: str) -> None:
    held = copied(hold={"reference": "TJ-1", "since": "2026-11-20", "kind": kind})
    assert {each.keeps_all for each in ceph_storage(held, CEPH, KEYS).machines} == {True}
    assert {each.keeps_all for each in aws_storage(held, AWS, KEYS).machines} == {True}


def test_a_frozen_retention_keeps_everything_of_that_machine_alone_also_in_the_copy() -> None:
    storage = {"platform": "lab", "quota": "10 GiB", "copy": {"platform": "there"}}
    original = tenant_with(storage=storage, machines=MACHINES, licences={"workstation": 3})
    frozen = original.with_frozen([COMPTA]).copied()
    assert frozen is not None
    for layout in (ceph_storage(frozen, CEPH, KEYS), aws_storage(frozen, AWS, KEYS)):
        assert {each.name: each.keeps_all for each in layout.machines} == {COMPTA: True, OLD: False}


def test_no_name_of_a_copy_is_one_of_the_original_in_the_same_account() -> None:
    there, here = aws_storage(copied(), AWS, KEYS), aws_storage(tenant_with(machines=MACHINES), AWS, KEYS)
    assert there.owner != here.owner
    assert dict(there.tags) != dict(here.tags)
    assert not {each.bucket for each in there.machines} & {each.bucket for each in here.machines}


def test_before_its_first_apply_only_the_owner_has_a_placeholder_for_a_key() -> None:
    tenant = copied()
    expected = TenantKeys(PLACEHOLDER, {COMPTA: None, OLD: None})
    assert placeholder_keys(tenant, with_bucket(tenant.machines)) == expected
    assert current_keys(tenant, None) == expected


def test_its_stack_has_its_own_owner_s_key_and_no_machine_s() -> None:
    control = ControlBundle(
        tenant_id="k7f3q9wz2m",
        owner_key=minting.new_access_key(),
        machine_keys={COMPTA: minting.new_access_key()},
        stack_passphrase=minting.new_passphrase(),
        signing_key=minting.new_signing_key(),
    )
    keys = current_keys(copied(), control)
    assert control.owner_key is not None
    assert keys == TenantKeys(access_key(control.owner_key), {COMPTA: None, OLD: None})
    begun = rotations.begin(control, [rotations.OWNER])
    assert current_keys(copied(), begun).owner == keys.owner, "until the old one is condemned"
