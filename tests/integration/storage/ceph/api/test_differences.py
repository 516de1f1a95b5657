"""What releases of RGW do differently, each shown on the release that the lab runs, and what Coffre makes of it.

A release that changes its ways fails here first. `docs/ceph.md` has the same table in words.
"""

import base64
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from coffre.storage.ceph import bucket_policy
from coffre.storage.ceph.api.admin_http import AdminHttp
from coffre.storage.ceph.api.faults import ConcurrentWriteError
from coffre.storage.s3 import lifecycle, policy
from coffre.storage.s3.eraser import S3BucketEraser
from coffre.storage.s3.faults import AccessRefusedError, S3Error
from tests.integration.storage.world import new_key

PACK = "restic/data/00/pack"


@pytest.fixture(scope="module")
def release(lab):
    return lab.status().release


@pytest.fixture(scope="module")
def owner(world):
    return world.make_owner("differ")


@pytest.fixture
def bucket(world, owner, request):
    """A plain versioned bucket of the owner, without anything that Coffre adds."""
    name = f"{world.prefix}-{re.sub('[^a-z]', '', request.node.name)[5:30]}"
    world.create("Bucket", name=name, owner=owner.uid)
    return name


def code_of(call, **arguments) -> str:
    """Return RGW's word for its refusal, and none when it does as it is told."""
    try:
        call(**arguments)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


def test_a_key_that_nobody_has_is_nobody_s(world, release):
    """16 answers AccessDenied, 18 and 20 InvalidArgument: neither is an error."""
    http, unknown = AdminHttp(world.endpoint, world.admin_key), new_key().access_key_id
    with pytest.raises(S3Error) as refusal:
        http.call("ask", "GET", "/admin/user", {"access-key": unknown})
    assert refusal.value.code == ("AccessDenied" if release == 16 else "InvalidArgument")
    assert world.admin.find_user_of_key(unknown) is None


def test_buckets_of_a_user_that_nobody_has_are_none(world, release):
    """16 and 18 list none; 20 answers nothing at all."""
    http, uid = AdminHttp(world.endpoint, world.admin_key), f"{world.prefix}-nobody"
    assert http.call("ask", "GET", "/admin/bucket", {"uid": uid}) == ([] if release < 20 else None)
    assert world.admin.list_buckets(uid) == []


def test_a_refused_deletion_of_many_is_never_taken_for_one_that_was_done(world, owner, release):
    """16 and 18 refuse the request; 20 answers 200, with an error for each object in it."""
    machine = world.make_machine(owner, "many")
    s3 = world.s3(machine)
    version = s3.put_object(Bucket=machine.bucket, Key=PACK, Body=b"1")["VersionId"]
    wanted = {"Objects": [{"Key": PACK, "VersionId": version}]}
    if release < 20:
        assert code_of(s3.delete_objects, Bucket=machine.bucket, Delete=wanted) == "AccessDenied"
    else:
        [error] = s3.delete_objects(Bucket=machine.bucket, Delete=wanted)["Errors"]
        assert (error["Key"], error["Code"]) == (PACK, "AccessDenied")
    eraser = S3BucketEraser(machine.bucket, world.endpoint, machine.key, s3)
    of_owner = S3BucketEraser(machine.bucket, world.endpoint, owner.key, world.s3(owner))
    found = [each for each in of_owner.walk_versions() if each.key == PACK]
    try:
        assert [each.code for each in eraser.delete_versions(found)] == ["AccessDenied"]
    except AccessRefusedError:
        assert release < 20
    assert world.s3(owner).get_object(Bucket=machine.bucket, Key=PACK)["Body"].read() == b"1"


def test_a_listing_dates_to_the_second_from_20_on(world, owner, bucket, release):
    s3 = world.s3(owner)
    for number in range(8):
        s3.put_object(Bucket=bucket, Key=f"reports/{number}", Body=b"1")
    parts = [each["LastModified"].microsecond for each in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert any(parts) is (release < 20)
    found = world.storage.open_bucket(bucket, owner.key).find_newest_at("reports/")
    assert found == max(each["LastModified"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"])


def test_writes_on_one_user_at_once_are_refused_each_in_its_way_and_all_arrive(world, release):
    """16 and 18 answer 500 and 20 answers 409; tried again, every one is done."""
    user, http = world.make_user("busy"), AdminHttp(world.endpoint, world.admin_key)

    def put(_number: int) -> int | None:
        key = new_key()
        values = {"uid": user.uid, "access-key": key.access_key_id, "secret-key": key.secret_access_key}
        try:
            http.call("put", "PUT", "/admin/user", {"key": "", **values, "generate-key": False})
        except ConcurrentWriteError as refusal:
            return refusal.http_status
        return None

    with ThreadPoolExecutor(10) as pool:
        refused = {status for _ in range(5) for status in pool.map(put, range(10)) if status is not None}
    assert refused <= {409 if release >= 20 else 500}
    keys = [new_key() for _ in range(10)]
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda key: world.admin.put_key(user.uid, key), keys))
    there = {key.access_key_id for key in world.admin.find_user(user.uid).keys}
    assert {key.access_key_id for key in keys} <= there


def test_a_public_access_block_that_was_never_set_is_none(world, owner, bucket, release):
    """16 answers that all is off, 18 and 20 that there is none."""
    code = code_of(world.s3(owner).get_public_access_block, Bucket=bucket)
    assert code == ("" if release == 16 else "NoSuchPublicAccessBlockConfiguration")
    assert world.resource("PublicAccessBlock").find(bucket) is None


def test_a_block_on_public_policies_refuses_our_own_until_18_and_is_never_set(world, owner, release):
    machine = world.make_machine(owner, "blocked")
    s3 = world.s3(owner)
    found = world.resource("PublicAccessBlock").find(machine.bucket)
    assert {name for name, is_on in found.items() if is_on is True} == {"ignore_public_acls"}
    s3.put_public_access_block(Bucket=machine.bucket, PublicAccessBlockConfiguration={"BlockPublicPolicy": True})
    text = policy.render(policy.document(bucket_policy.statements(machine.bucket, owner.uid, machine.uid)))
    assert code_of(s3.put_bucket_policy, Bucket=machine.bucket, Policy=text) == (
        "" if release >= 20 else "AccessDenied"
    )


def test_object_lock_comes_to_a_bucket_that_stands_from_20_on_and_the_erasure_sees_it(world, owner, bucket, release):
    s3 = world.s3(owner)
    code = code_of(
        s3.put_object_lock_configuration, Bucket=bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"}
    )
    assert code == ("" if release >= 20 else "InvalidBucketState")
    assert S3BucketEraser(bucket, world.endpoint, owner.key, s3)._has_locks is (release >= 20)


def test_a_rule_that_keeps_so_many_versions_shows_as_drift_where_it_stands(world, owner, release):
    """20 keeps NewerNoncurrentVersions, by which versions would outlive their days; the others drop it in silence."""
    machine = world.make_machine(owner, "newer")
    s3, kind = world.s3(owner), world.resource("BucketLifecycle")
    ours = kind.find(machine.bucket)
    rules = lifecycle.document({name: lifecycle.normalise(rule) for name, rule in lifecycle.rules(14).items()})
    for rule in rules:
        if "NoncurrentVersionExpiration" in rule:
            rule["NoncurrentVersionExpiration"]["NewerNoncurrentVersions"] = 5
    s3.put_bucket_lifecycle_configuration(Bucket=machine.bucket, LifecycleConfiguration={"Rules": rules})
    assert (kind.find(machine.bucket) == ours) is (release < 20)


def test_a_write_that_must_be_the_first_is_one_from_20_on_and_nothing_relies_on_it(world, owner, bucket, release):
    s3 = world.s3(owner)
    s3.put_object(Bucket=bucket, Key="once", Body=b"1")
    code = code_of(s3.put_object, Bucket=bucket, Key="once", Body=b"2", IfNoneMatch="*")
    assert code == ("PreconditionFailed" if release >= 20 else "")


def test_the_cluster_s_keys_are_of_the_kind_that_its_release_makes(lab, release):
    keyring = (lab.directory / "ceph" / "keyring").read_text()
    kinds = {int.from_bytes(base64.b64decode(key)[:2], "little") for key in re.findall(r"key = (\S+)", keyring)}
    assert kinds == {2 if release >= 20 else 1}
