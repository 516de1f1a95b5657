"""The example program without Coffre, on the real RGW: the platform named by Pulumi's settings, no variable set."""

import json
import runpy
from pathlib import Path

import pytest
from pulumi.automation import CommandError

from coffre.storage.ceph.provider.environment import SETTINGS, write_environment
from coffre.storage.s3 import lifecycle, policy
from tests.integration.storage.ceph.provider.stack import RealStack
from tests.integration.storage.world import User, empty_bucket, new_key

PROGRAM = Path(__file__).resolve().parents[5] / "examples" / "rgw-provider" / "__main__.py"
NAMES = {"owner", "owner-key", "quota", "reader", "bucket", "policy", "lifecycle", "public-access"}


def declare() -> None:
    runpy.run_path(str(PROGRAM))


@pytest.fixture(scope="module")
def owner(world):
    return User(f"{world.prefix}-shop", new_key())


@pytest.fixture(scope="module")
def bucket(world):
    return f"{world.prefix}-shop-files"


@pytest.fixture(scope="module")
def stack(world, owner, bucket, tmp_path_factory):
    told = write_environment(world.endpoint, world.admin_key, owner.uid)
    stack = RealStack(tmp_path_factory.mktemp("example"), world, "try", owner.uid, **dict.fromkeys(told, ""))
    names = ("endpoint", "region", "ca_file", "admin_access_key_id", "owner")
    stack.configure(
        {
            **{f"rgw:{name}": told[SETTINGS.variable(name)] for name in names},
            "owner": owner.uid,
            "bucket": bucket,
            "access_key_id": owner.key.access_key_id,
            "max_bytes": str(5 * 1000**3),
        },
        {
            "rgw:admin_secret_access_key": world.admin_key.secret_access_key,
            "secret_access_key": owner.key.secret_access_key,
        },
    )
    return stack


def test_the_example_is_made_repaired_and_taken_away(world, owner, bucket, stack):
    steps = stack.up(declare)
    assert {name: step.op for name, step in steps.items()} == dict.fromkeys(NAMES, "create")

    user, reader = world.admin.find_user(owner.uid), world.admin.find_user(f"{owner.uid}.reader")
    assert (user.keys, user.quota_bytes) == ((owner.key,), 5 * 1000**3)
    assert (reader.keys, reader.max_buckets) == ((), -1)
    assert world.admin.find_bucket(bucket).owner == owner.uid
    s3 = world.s3(owner)
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    statements = policy.by_sid(json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"]))
    assert set(statements) == {"ReaderLists", "ReaderReads"}
    assert policy.list_uids(statements) == [reader.uid]
    rules = lifecycle.by_id(s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"])
    assert rules["earlier-versions"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
    block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert [name for name, on in block.items() if on] == ["IgnorePublicAcls"]

    assert {step.op for step in stack.preview(declare).values()} == {"same"}
    for secret in (world.admin_key.secret_access_key, owner.key.secret_access_key):
        assert secret not in stack.state()

    world.admin.set_quota(owner.uid, 1)
    assert stack.refresh()["quota"].op == "update"
    assert stack.up(declare)["quota"].op == "update"
    assert world.admin.find_user(owner.uid).quota_bytes == 5 * 1000**3

    s3.put_object(Bucket=bucket, Key="a", Body=b"one")
    with pytest.raises(CommandError, match="holds 1 object version"):
        stack.destroy()
    empty_bucket(s3, bucket)
    stack.destroy()
    assert [world.admin.find_user(uid) for uid in (owner.uid, reader.uid)] == [None, None]


def test_a_user_of_somebody_else_is_refused(world, owner, bucket, stack):
    """The provider works for the owner that its settings name, whatever a program asks for."""
    victim = world.make_owner("victim")
    stack.configure({"owner": victim.uid}, {})
    with pytest.raises(CommandError, match=f"serves {owner.uid} alone, and user {victim.uid}"):
        stack.up(declare)
    assert world.admin.find_user(victim.uid).keys == (victim.key,)
