"""What the switch of a suspension and the end of a lifecycle do on the real RGW."""

import pytest
from botocore.exceptions import ClientError

from tests.integration.storage.world import World


@pytest.fixture(scope="module")
def owner(world):
    return world.make_owner("states")


@pytest.fixture
def machine(world, owner, request):
    machine = world.make_machine(owner, f"m{len(request.node.name)}")
    world.s3(machine).put_object(Bucket=machine.bucket, Key="restic/data/00/pack", Body=b"of the machine")
    world.s3(owner).put_object(Bucket=machine.bucket, Key="control/gate.json", Body=b"{}")
    return machine


def opened(world: World, machine, owner):
    return world.storage.open_bucket(machine.bucket, owner.key)


def test_a_suspended_machine_reads_orders_and_reports_and_nothing_else(world, owner, machine):
    bucket, s3 = opened(world, machine, owner), world.s3(machine)
    assert not bucket.is_suspended()
    assert bucket.set_suspension(True)
    assert not bucket.set_suspension(True)
    assert bucket.is_suspended()
    for call, key in ((s3.get_object, "restic/data/00/pack"), (s3.put_object, "restic/data/01/x")):
        with pytest.raises(ClientError, match="AccessDenied"):
            call(Bucket=machine.bucket, Key=key)
    assert s3.get_object(Bucket=machine.bucket, Key="control/gate.json")["Body"].read() == b"{}"
    s3.put_object(Bucket=machine.bucket, Key="reports/1.json", Body=b"{}")
    assert bucket.find("restic/data/00/pack", 4 * 1024**2) == b"of the machine"
    assert bucket.set_suspension(False)
    assert s3.get_object(Bucket=machine.bucket, Key="restic/data/00/pack")["Body"].read() == b"of the machine"


def test_gate_and_suspension_do_not_undo_each_other(world, owner, machine):
    bucket = opened(world, machine, owner)
    bucket.set_suspension(True)
    bucket.set_gate(True)
    assert (bucket.is_suspended(), bucket.is_gate_closed()) == (True, True)
    bucket.set_gate(False)
    assert (bucket.is_suspended(), bucket.is_gate_closed()) == (True, False)
    bucket.set_suspension(False)
    assert (bucket.is_suspended(), bucket.is_gate_closed()) == (False, False)


def test_a_bucket_without_rules_has_nothing_to_expire(world, owner, machine):
    bucket = opened(world, machine, owner)
    assert set(bucket.list_expiry_rules()) == {"all", "locks"}
    bucket.clear_expiry_rules()
    assert list(bucket.list_expiry_rules()) == []
    bucket.clear_expiry_rules()


def test_what_a_retired_machine_left_goes_with_its_user(world, owner, machine):
    world.storage.add_key(machine.uid, type(machine.key)("EXTRA" + machine.key.access_key_id[5:], "s" * 40))
    assert len(world.storage.list_key_ids(machine.uid)) == 2
    world.storage.delete_user(machine.uid)
    assert world.storage.list_key_ids(machine.uid) == []
    assert not world.storage.accepts_key(machine.bucket, machine.key)
    world.storage.delete_user(machine.uid)
    assert opened(world, machine, owner).find("restic/data/00/pack", 4 * 1024**2) == b"of the machine"
