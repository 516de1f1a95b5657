"""The provider's resources beside their common story: switches preserved, cut-off work finished, accidents refused."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from coffre.errors import ExpectedError, RefusedError
from coffre.storage.ceph import bucket_policy
from coffre.storage.s3 import lifecycle, policy
from tests.integration.storage.world import new_key


def read_policy(world, owner, bucket):
    return json.loads(world.s3(owner).get_bucket_policy(Bucket=bucket)["Policy"])


@pytest.fixture(scope="module")
def owner(world):
    return world.make_owner("owner")


@pytest.fixture
def machine(world, owner, request):
    return world.make_machine(owner, f"m{abs(hash(request.node.name)) % 10**6}")


def test_gate_closes_and_opens_and_says_whether_it_moved(world, owner, machine):
    bucket = world.storage.open_bucket(machine.bucket, owner.key)
    before = read_policy(world, owner, machine.bucket)
    moves = [(bucket.set_gate(closed), bucket.is_gate_closed()) for closed in (True, True, False, False)]
    assert moves == [(True, True), (False, True), (True, False), (False, False)]
    assert policy.is_same(read_policy(world, owner, machine.bucket), before)


def test_the_policy_resource_preserves_the_switches_and_never_shows_them(world, owner, machine):
    """A refresh during a closed gate shows no drift, and an update of the policy does not open it."""
    resource = world.resource("BucketPolicy")
    wanted = {"bucket": machine.bucket, "statements": bucket_policy.statements(machine.bucket, owner.uid, machine.uid)}
    wanted, _ = resource.check(wanted)
    world.storage.open_bucket(machine.bucket, owner.key).set_gate(closed=True)
    suspended = policy.with_switch(
        read_policy(world, owner, machine.bucket),
        policy.SUSPENSION_SID,
        policy.suspension_statement(machine.bucket, machine.uid),
    )
    world.s3(owner).put_bucket_policy(Bucket=machine.bucket, Policy=json.dumps(suspended))
    assert resource.diff(resource.find(machine.bucket), wanted) == []

    retired, _ = resource.check(
        {"bucket": machine.bucket, "statements": bucket_policy.statements(machine.bucket, owner.uid, None)}
    )
    resource.update(retired)
    live = policy.by_sid(read_policy(world, owner, machine.bucket))
    assert set(live) == {policy.OWNER_SID, bucket_policy.STRANGERS_SID, policy.GATE_SID, policy.SUSPENSION_SID}
    resource.delete(retired)
    left = policy.by_sid(read_policy(world, owner, machine.bucket))
    assert set(left) == {policy.GATE_SID, policy.SUSPENSION_SID}
    assert resource.find(machine.bucket) is None
    resource.create(wanted)
    assert policy.GATE_SID in policy.by_sid(read_policy(world, owner, machine.bucket))


def test_a_bucket_without_a_machine_counts_as_closed(world, owner, machine):
    resource = world.resource("BucketPolicy")
    retired = {"bucket": machine.bucket, "statements": bucket_policy.statements(machine.bucket, owner.uid, None)}
    resource.update(resource.check(retired)[0])
    bucket = world.storage.open_bucket(machine.bucket, owner.key)
    assert bucket.is_gate_closed()
    assert bucket.set_gate(closed=True) is False
    with pytest.raises(RefusedError, match="no policy that lets a machine write"):
        bucket.set_gate(closed=False)


def test_a_policy_that_names_an_unknown_user_is_refused(world, owner, machine):
    statements = bucket_policy.statements(machine.bucket, owner.uid, "nobody-at-all")
    with pytest.raises(ExpectedError, match="names users that do not exist: nobody-at-all"):
        world.resource("BucketPolicy").update({"bucket": machine.bucket, "statements": statements})


def test_a_policy_that_could_lock_the_owner_out_is_never_written(world, owner, machine):
    statements = bucket_policy.statements(machine.bucket, owner.uid, machine.uid)
    statements["Oops"] = policy.gate_statement(machine.bucket, owner.uid)
    before = read_policy(world, owner, machine.bucket)
    with pytest.raises(RefusedError, match="could deny access to the owner"):
        world.resource("BucketPolicy").update({"bucket": machine.bucket, "statements": statements})
    assert read_policy(world, owner, machine.bucket) == before


def test_a_bucket_whose_creation_was_cut_off_is_finished(world, owner):
    """Killed between CreateBucket and its versioning: the next apply takes the empty bucket for its own."""
    name = f"{world.prefix}-cut"
    world.s3(owner).create_bucket(Bucket=name)
    world.create("Bucket", name=name, owner=owner.uid, tags={"coffre-tenant-id": "k7f3q9wz2m"})
    live = world.resource("Bucket").find(name)
    assert (live["versioning"], live["tags"]) == ("Enabled", {"coffre-tenant-id": "k7f3q9wz2m"})


def test_an_unversioned_bucket_that_holds_something_is_not_taken_over(world, owner):
    name = f"{world.prefix}-foreign"
    world.s3(owner).create_bucket(Bucket=name)
    world.s3(owner).put_object(Bucket=name, Key="a", Body=b"not ours")
    with pytest.raises(RefusedError, match='versioning is "never enabled", not "Enabled"'):
        world.create("Bucket", name=name, owner=owner.uid)
    assert "Status" not in world.s3(owner).get_bucket_versioning(Bucket=name)


def test_a_bucket_of_another_user_is_refused_by_name(world, owner):
    stranger = world.make_owner("stranger")
    name = f"{world.prefix}-taken"
    world.s3(stranger).create_bucket(Bucket=name)
    with pytest.raises(RefusedError, match=f'bucket {name} exists and differs: owner is "{stranger.uid}"'):
        world.create("Bucket", name=name, owner=owner.uid)


def test_a_user_that_owns_buckets_is_not_deleted(world):
    owner = world.make_owner("keeper")
    world.create("Bucket", name=f"{world.prefix}-kept", owner=owner.uid)
    with pytest.raises(RefusedError, match=rf"user {owner.uid} still owns 1 bucket\(s\): {world.prefix}-kept"):
        world.resource("User").delete({"uid": owner.uid})
    assert world.admin.find_user(owner.uid)


def test_a_key_of_another_user_is_refused_by_name(world, owner):
    other = world.make_user("other-key")
    with pytest.raises(RefusedError, match=f'uid is "{other.uid}", not "{owner.uid}"'):
        world.create(
            "AccessKey",
            uid=owner.uid,
            access_key_id=other.key.access_key_id,
            secret_access_key=new_key().secret_access_key,
        )


def test_settings_of_one_bucket_written_at_a_time_all_arrive(world, owner):
    """RGW loses one of two settings written together without a word; the provider writes them one after the other."""
    for number in range(5):
        name = f"{world.prefix}-together{number}"
        world.create("Bucket", name=name, owner=owner.uid)
        given = [
            ("BucketPolicy", {"statements": bucket_policy.statements(name, owner.uid, None)}),
            ("BucketLifecycle", {"rules": lifecycle.rules(14)}),
            ("PublicAccessBlock", {}),
        ]
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda each: world.create(each[0], bucket=name, **each[1]), given))  # noqa: B023
        assert [world.resource(kind).find(name) is not None for kind, _ in given] == [True] * 3


def test_a_setting_of_a_missing_bucket_says_which(world):
    with pytest.raises(ExpectedError, match="open bucket no-such-bucket: the platform said NoSuchBucket"):
        world.create("PublicAccessBlock", bucket="no-such-bucket")
