"""What a stolen key of one machine can and cannot do, on the real RGW with the policy that Coffre writes."""

import ssl
import time
import urllib.error
import urllib.request
from urllib.parse import quote

import pytest

from coffre.storage.ceph import bucket_policy
from coffre.storage.ceph.api.admin import AdminClient
from coffre.storage.s3 import policy
from coffre.storage.s3.faults import AccessRefusedError
from coffre.storage.values import QuotaExceededError
from tests.contracts.isolation import (
    DELETIONS,
    FOREIGN,
    FORGERIES,
    MACHINES_KEYS,
    OWNERS_KEYS,
    OWNERS_WORK,
    PACK,
    SETTINGS,
    STATES,
    refused,
)
from tests.integration.storage.world import MIB

SWITCHES = {
    "gate": (policy.GATE_SID, policy.gate_statement),
    "stop": (policy.STOP_SID, policy.stop_statement),
    "suspension": (policy.SUSPENSION_SID, policy.suspension_statement),
}


@pytest.fixture(scope="module")
def owner(world):
    return world.make_owner("acme")


@pytest.fixture(scope="module")
def thief(world, owner):
    """The machine whose key was stolen; its bucket holds a repository, a report and an order."""
    return fill(world, owner, world.make_machine(owner, "thief"))


def fill(world, owner, machine):
    """Write what the calls need into a machine's bucket."""
    for key in OWNERS_KEYS:
        world.s3(owner).put_object(Bucket=machine.bucket, Key=key, Body=b"of the owner")
    for key in MACHINES_KEYS:
        world.s3(machine).put_object(Bucket=machine.bucket, Key=key, Body=b"of the machine")
    return machine


@pytest.fixture(scope="module")
def neighbour(world, owner):
    machine = world.make_machine(owner, "neighbour")
    world.s3(machine).put_object(Bucket=machine.bucket, Key=PACK, Body=b"secret of the neighbour")
    return machine


@pytest.fixture(scope="module")
def stranger(world):
    """Another tenant's machine."""
    return world.make_machine(world.make_owner("other"), "stranger")


@pytest.mark.parametrize("call", FOREIGN, ids=str)
def test_a_machine_sees_nothing_of_another_machine(world, thief, neighbour, call):
    assert call.is_refused(world.s3(thief), neighbour.bucket)


@pytest.mark.parametrize("call", FOREIGN, ids=str)
def test_one_tenants_keys_see_nothing_of_anothers(world, thief, owner, stranger, call):
    other_owner = next(uid for uid in world.storage.list_users(f"{world.prefix}-other") if "." not in uid)
    assert call.is_refused(world.s3(stranger), thief.bucket)
    assert call.is_refused(world.s3(owner), stranger.bucket)
    assert stranger.bucket in world.admin.list_buckets(other_owner)


@pytest.mark.parametrize("call", DELETIONS, ids=str)
def test_a_machine_deletes_nothing_of_its_history(world, thief, call):
    assert call.is_refused(world.s3(thief), thief.bucket)


@pytest.mark.parametrize("call", FORGERIES, ids=str)
def test_a_machine_writes_neither_configuration_nor_keys_nor_orders(world, thief, call):
    assert call.is_refused(world.s3(thief), thief.bucket)


@pytest.mark.parametrize("call", SETTINGS, ids=str)
def test_a_machine_changes_no_setting_and_makes_no_bucket(world, thief, call):
    assert call.is_refused(world.s3(thief), thief.bucket)


def switch_on(world, owner, machine, switches):
    keep = world.s3(owner)
    live = policy.parse(keep.get_bucket_policy(Bucket=machine.bucket)["Policy"])
    for name in switches:
        sid, statement = SWITCHES[name]
        live = policy.with_switch(live, sid, statement(machine.bucket, machine.uid))
    keep.put_bucket_policy(Bucket=machine.bucket, Policy=policy.render(live))


@pytest.mark.parametrize("state", STATES)
def test_a_machine_may_what_its_state_says_and_nothing_else(world, owner, state):
    machine = fill(world, owner, world.make_machine(owner, state.replace(" ", "-")))
    switch_on(world, owner, machine, STATES[state].switches)
    s3, keep = world.s3(machine), world.s3(owner)
    assert [str(call) for call in STATES[state].may_not if not call.is_refused(s3, machine.bucket, keep)] == []
    assert [str(call) for call in STATES[state].may if call.is_refused(s3, machine.bucket, keep)] == []
    assert [str(call) for call in OWNERS_WORK if call.is_refused(keep, machine.bucket)] == []


def test_an_overwritten_object_comes_back_from_its_versions(world, owner, thief):
    """A machine may put its own packs, so it can overwrite one; it cannot make that last."""
    key = "restic/data/01/overwritten"
    world.s3(thief).put_object(Bucket=thief.bucket, Key=key, Body=b"good")
    world.s3(thief).put_object(Bucket=thief.bucket, Key=key, Body=b"ruined")
    keep = world.s3(owner)
    versions = keep.list_object_versions(Bucket=thief.bucket, Prefix=key)["Versions"]
    assert [version["IsLatest"] for version in versions] == [True, False]
    assert refused(world.s3(thief).delete_object, Bucket=thief.bucket, Key=key, VersionId=versions[1]["VersionId"])
    keep.delete_object(Bucket=thief.bucket, Key=key, VersionId=versions[0]["VersionId"])
    assert world.s3(thief).get_object(Bucket=thief.bucket, Key=key)["Body"].read() == b"good"


def test_a_deleted_lock_leaves_a_version(world, owner, thief):
    world.s3(thief).put_object(Bucket=thief.bucket, Key="restic/locks/2", Body=b"lock")
    world.s3(thief).delete_object(Bucket=thief.bucket, Key="restic/locks/2")
    versions = world.s3(owner).list_object_versions(Bucket=thief.bucket, Prefix="restic/locks/2")
    assert (len(versions["Versions"]), len(versions["DeleteMarkers"])) == (1, 1)


def test_a_machine_makes_no_user_and_reads_none(world, thief):
    stolen = AdminClient(world.endpoint, thief.key)
    for call in (
        lambda: stolen.create_user(f"{world.prefix}-evil", "Evil", 0),
        lambda: stolen.find_user(thief.uid),
        lambda: stolen.set_quota(thief.uid, None),
        stolen.list_users,
    ):
        with pytest.raises(AccessRefusedError):
            call()
    assert world.admin.find_user(f"{world.prefix}-evil") is None


OPENINGS = {
    "public-read": {"ACL": "public-read"},
    "public-read-write": {"ACL": "public-read-write"},
    "authenticated-read": {"ACL": "authenticated-read"},
    "read grant": {"GrantRead": "id={stranger}"},
    "full grant": {"GrantFullControl": "id={stranger}"},
    "grant to all": {"GrantRead": 'uri="http://acs.amazonaws.com/groups/global/AllUsers"'},
}


@pytest.mark.parametrize("opening", OPENINGS)
def test_whatever_acl_a_machine_sends_along_others_read_nothing(world, owner, thief, neighbour, stranger, opening):
    """A writer owns its objects in RGW and may send an ACL with each; the policy makes it worthless."""
    key = f"reports/{opening}"
    acl = {name: value.format(stranger=stranger.uid) for name, value in OPENINGS[opening].items()}
    # Refused or accepted and worthless are as good.
    refused(world.s3(thief).put_object, Bucket=thief.bucket, Key=key, Body=b"secret", **acl)
    world.s3(owner).head_bucket(Bucket=thief.bucket)
    for other in (neighbour, stranger):
        assert refused(world.s3(other).get_object, Bucket=thief.bucket, Key=key)
        assert refused(world.s3(other).list_objects_v2, Bucket=thief.bucket)
    assert anonymous_status(world, f"{thief.bucket}/{key}") == 403
    assert anonymous_status(world, thief.bucket) == 403


def anonymous_status(world, path: str) -> int:
    context = ssl.create_default_context(cafile=str(world.endpoint.ca_file))
    try:
        with urllib.request.urlopen(f"{world.endpoint.url}/{quote(path)}", context=context, timeout=20) as answer:  # noqa: S310
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_a_machine_works_with_what_it_is_given(world, thief):
    """The other side of all the refusals above."""
    s3 = world.s3(thief)
    assert s3.get_object(Bucket=thief.bucket, Key="control/desired.json")["Body"].read() == b"of the owner"
    assert {entry["Key"] for entry in s3.list_objects_v2(Bucket=thief.bucket)["Contents"]} >= {PACK, "restic/config"}
    s3.put_object(Bucket=thief.bucket, Key="restic/locks/3", Body=b"lock")
    s3.delete_object(Bucket=thief.bucket, Key="restic/locks/3")


def test_a_suspended_machine_keeps_orders_and_reports_only(world, owner):
    machine = world.make_machine(owner, "shut-out")
    keep, s3 = world.s3(owner), world.s3(machine)
    s3.put_object(Bucket=machine.bucket, Key=PACK, Body=b"its own")
    keep.put_object(Bucket=machine.bucket, Key="control/gate.json", Body=b"{}")
    statement = policy.suspension_statement(machine.bucket, machine.uid)
    live = policy.parse(keep.get_bucket_policy(Bucket=machine.bucket)["Policy"])
    closed = policy.with_switch(live, policy.SUSPENSION_SID, statement)
    keep.put_bucket_policy(Bucket=machine.bucket, Policy=policy.render(closed))
    assert refused(s3.get_object, Bucket=machine.bucket, Key=PACK)
    assert refused(s3.put_object, Bucket=machine.bucket, Key=PACK, Body=b"more")
    assert s3.get_object(Bucket=machine.bucket, Key="control/gate.json")["Body"].read() == b"{}"
    s3.put_object(Bucket=machine.bucket, Key="reports/2", Body=b"suspended")
    assert keep.get_object(Bucket=machine.bucket, Key=PACK)["Body"].read() == b"its own"


def test_a_retired_machine_has_no_right_left(world, owner):
    machine = world.make_machine(owner, "retired")
    world.s3(machine).put_object(Bucket=machine.bucket, Key=PACK, Body=b"kept")
    without = bucket_policy.statements(machine.bucket, owner.uid, None)
    world.resource("BucketPolicy").update({"bucket": machine.bucket, "statements": without})
    for call in FOREIGN:
        assert call.is_refused(world.s3(machine), machine.bucket)
    assert world.s3(owner).get_object(Bucket=machine.bucket, Key=PACK)["Body"].read() == b"kept"


def meets_the_wall(bucket) -> bool:
    """Write single bytes until the wall says no; RGW hears of other buckets' bytes with some delay."""
    for attempt in range(40):
        try:
            bucket.put(f"reports/{attempt}", b"x")
        except QuotaExceededError:
            return True
        time.sleep(0.25)
    return False


def test_the_wall_counts_all_machines_together(world):
    owner = world.make_owner("walled", wall_bytes=3 * MIB)
    first, second = (world.make_machine(owner, name) for name in ("one", "two"))
    one = world.storage.open_bucket(first.bucket, first.key)
    two = world.storage.open_bucket(second.bucket, second.key)
    one.put(PACK, b"x" * 2 * MIB)
    two.put(PACK, b"x" * MIB)
    for bucket in (one, two):
        assert meets_the_wall(bucket)
    assert 3 * MIB <= world.storage.find_owner(owner.uid).used_bytes < 3 * MIB + 100
    assert one.find(PACK, 4 * 1024**2) == b"x" * 2 * MIB
